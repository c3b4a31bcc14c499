/** How SGLang workers are started, by mode and upstream version. */
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { ProcessSpec } from '../../../src/plan/plan.ts';
import type { PlanOptions } from '../../../src/plan/request.ts';
import { options, pythonHost } from '../../support/profile.ts';
import { shipped } from '../../support/shipped-profiles.ts';

async function planned(
  asked: string,
  version: string,
  settings: readonly string[] = [],
  more: Partial<PlanOptions> = {},
): Promise<Readonly<Record<string, ProcessSpec>>> {
  const profile = await shipped(asked, ...settings);
  const plan = makePlan(profile, options({ engine: 'sglang', ...more }), pythonHost(version));
  return Object.fromEntries(plan.processes.map((spec) => [spec.name, spec]));
}

const line = (spec: ProcessSpec | undefined): string => (spec?.argv ?? []).join(' ');
const after = (spec: ProcessSpec | undefined, flag: string): string | undefined =>
  spec?.argv[spec.argv.indexOf(flag) + 1];

test('agg matches the script of upstream, with every port planned and on loopback', async () => {
  const { frontend, worker } = await planned('agg', '1.4.2');
  expect(line(frontend)).toBe(
    '/venv/bin/python3 -m dynamo.frontend --http-host 127.0.0.1 --http-port 8000 --router-mode round-robin',
  );
  expect(line(worker)).toBe(
    '/venv/bin/python3 -m dynamo.sglang --model-path Qwen/Qwen3-0.6B --served-model-name Qwen/Qwen3-0.6B ' +
      `--tp-size 1 --trust-remote-code --nccl-port ${worker?.ports.nccl} --enable-metrics --host 127.0.0.1 ` +
      `--port ${worker?.ports.engine} --page-size 16 --cuda-graph-backend-prefill disabled`,
  );
  expect(worker?.env).toMatchObject({
    DYN_SYSTEM_HOST: '127.0.0.1',
    DYN_SYSTEM_PORT: String(worker?.ports.system),
    SGLANG_HOST_IP: '127.0.0.1',
    SPT_NOENV: '1',
    DYN_EVENT_PLANE: 'zmq',
    PATH: '/venv/bin:/usr/bin',
    TMPDIR: '/state/runs/test-abcd/tmp',
    CUDA_VISIBLE_DEVICES: '0',
  });
  expect(frontend?.env).not.toHaveProperty('DYN_SYSTEM_PORT');
});

test('each worker has its own port for KV events, and none with approx', async () => {
  const { frontend, 'worker-1': first, 'worker-2': second } = await planned('agg_router', '1.4.2');
  expect(line(frontend)).toContain('--router-mode kv --router-kv-events');
  const events = [first, second].map(
    (spec) => JSON.parse(after(spec, '--kv-events-config') ?? '') as unknown,
  );
  expect(events).toEqual(
    [first, second].map((spec) => ({
      publisher: 'zmq',
      topic: 'kv-events',
      endpoint: `tcp://[::ffff:127.0.0.1]:${spec?.ports.kvEvents}`,
    })),
  );
  expect(first?.ports.kvEvents).not.toBe(second?.ports.kvEvents);
  const approx = await planned('agg_router', '1.4.2', ['approx=true']);
  expect(line(approx.frontend)).toContain('--router-mode kv --no-router-kv-events');
  const none = await planned('agg_router', '1.4.2', [], { events: 'none' });
  expect(line(none.frontend)).toContain('--no-router-kv-events');
  expect(line(none['worker-1'])).not.toContain('--kv-events-config');
  expect(none['worker-1']?.env.DYN_EVENT_PLANE).toBe('zmq');
});

test('each prefill worker has its own bootstrap port and waits for transfers', async () => {
  const {
    'prefill-1': first,
    'prefill-2': second,
    'decode-1': decode,
  } = await planned('disagg_router', '1.4.2');
  for (const spec of [first, second]) {
    expect(line(spec)).toContain('--disaggregation-mode prefill --disaggregation-transfer-backend nixl');
    expect(after(spec, '--disaggregation-bootstrap-port')).toBe(String(spec?.ports.bootstrap));
    expect(spec?.env.DYN_WORKER_GRACEFUL_SHUTDOWN_TIMEOUT).toBe('60');
    expect(spec).toMatchObject({
      stopGraceMs: 70_000,
      loadingStopGraceMs: 5_000,
      degradedStopGraceMs: 2_000,
      unusedStopGraceMs: 1_000,
    });
    expect(spec?.registersAs?.component).toBe('prefill');
  }
  expect(first?.ports.bootstrap).not.toBe(second?.ports.bootstrap);
  expect(line(decode)).toContain('--disaggregation-mode decode --disaggregation-transfer-backend nixl');
  expect(line(decode)).not.toContain('bootstrap');
  expect(decode?.stopGraceMs).toBe(35_000);
});

test.each<[string, readonly string[], Partial<PlanOptions>, number | undefined]>([
  ['by default', [], {}, 1_000],
  ['with traces', ['tracing=true'], {}, undefined],
  ['with traces of the user', [], { env: { OTEL_EXPORT_ENABLED: '1' } }, undefined],
  ['with a time of its own', ['components.worker.stopTimeoutSeconds=20'], {}, undefined],
])('time to stop for a worker that nobody uses any more, %s', async (_, settings, more, expected) => {
  const { worker } = await planned('agg', '1.4.2', settings, more);
  expect(worker?.unusedStopGraceMs).toBe(expected);
});

test.each([
  ['1.1.1', '--multimodal-encode-worker', '--multimodal-worker', 'encoder'],
  ['1.2.1', '--multimodal-encode-worker', '--multimodal-worker', 'encoder'],
  ['1.3.0.post1', '--enable-multimodal --disaggregation-mode encode', '--disaggregation-mode pd', 'encode'],
  ['1.6.1', '--enable-multimodal --disaggregation-mode encode', '--disaggregation-mode pd', 'encode'],
])('on %s an encode worker is %s', async (version, encodes, works, component) => {
  const { encode, worker } = await planned('multimodal_epd', version);
  expect(line(encode)).toContain(encodes);
  expect(line(worker)).toContain(works);
  expect(line(worker)).toContain('--disable-radix-cache');
  expect(encode?.registersAs?.component).toBe(component);
  const vision = await planned('vision', version);
  expect(line(vision.worker).includes('multimodal')).toBe(component === 'encode');
});

test('on one GPU the encode worker waits for the other', async () => {
  const { encode } = await planned('multimodal_epd', '1.4.2', ['singleGpu=true']);
  expect(encode?.dependsOn).toEqual([{ process: 'worker', condition: 'ready' }]);
});

test('a token limit sets the memory fraction that upstream uses with it, since 1.3', async () => {
  const capped = ['maxTotalTokens=2048'];
  expect(line((await planned('agg', '1.2.1', capped)).worker)).not.toContain('--mem-fraction-static');
  expect(line((await planned('agg', '1.3.1', capped)).worker)).toContain('--mem-fraction-static 0.9');
});

test('media workers get no flags of language models', async () => {
  const { worker } = await planned('diffusion', '1.4.2');
  expect(line(worker)).toContain(
    '--image-diffusion-worker --media-output-fs-url file:///state/runs/test-abcd/media',
  );
  expect(line(worker)).not.toContain('--page-size');
  expect(line((await planned('video', '1.4.2', ['wanSize=14b'])).worker)).toContain('--tp-size 2');
});

test('media workers load in turn, with the others at once', async () => {
  for (const [profile, turn] of [
    ['diffusion', 'sgl_diffusion'],
    ['video', 'sgl_diffusion'],
    ['diffusion_lm', undefined],
    ['agg', undefined],
  ] as const) {
    const processes = await planned(profile, '1.6.1', [], { replicas: { worker: 2 } });
    expect(processes['worker-1']?.loadsInTurn).toBe(turn);
    expect(processes['worker-2']?.loadsInTurn).toBe(turn);
    expect(processes['worker-2']?.dependsOn).toEqual([]);
  }
});

test('on a CPU: the necessary flags, mooncake, and no GPU', async () => {
  const { prefill, decode } = await planned('disagg', '1.4.2', ['device=cpu']);
  for (const spec of [prefill, decode]) {
    expect(line(spec)).toContain('--disaggregation-transfer-backend mooncake');
    expect(line(spec)).toContain('--device cpu --attention-backend torch_native --sampling-backend pytorch');
    expect(line(spec)).not.toContain('cuda-graph');
    expect(spec?.env).toMatchObject({
      MOONCAKE_PROTOCOL: 'tcp',
      TRITON_INTERPRET: '1',
      CUDA_VISIBLE_DEVICES: '',
    });
    expect(spec?.gpus).toEqual([]);
  }
  const llada = line((await planned('diffusion_lm', '1.4.2', ['device=cpu'])).worker);
  expect(llada.split('--attention-backend')).toHaveLength(2);
});

test('tracing reaches every process under its name', async () => {
  const { frontend, worker } = await planned('agg', '1.4.2', ['tracing=true']);
  expect(frontend?.env).toMatchObject({ OTEL_EXPORT_ENABLED: '1', OTEL_SERVICE_NAME: 'dynamo-frontend' });
  expect(worker?.env.OTEL_SERVICE_NAME).toBe('dynamo-worker');
  expect(line(worker)).toContain('--enable-trace --otlp-traces-endpoint localhost:4317');
  expect(worker?.env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT).toBe('http://localhost:4317');
});

test('traces of frontend and engine go to the collector of the caller', async () => {
  const environment = {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector:4399/',
    OTEL_SERVICE_NAME: 'mine',
  };
  const host = pythonHost('1.4.2');
  const profile = await shipped('agg', 'tracing=true');
  const plan = makePlan(profile, options({ engine: 'sglang' }), {
    ...host,
    environment: { ...host.environment, ...environment },
  });
  for (const { env } of plan.processes)
    expect(env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT).toBe('https://collector:4399/');
  expect(line(plan.processes[1])).toContain('--otlp-traces-endpoint collector:4399 ');
  expect(plan.scrubbed).toEqual(['OTEL_SERVICE_NAME']);
});

test('logs are exported only if the caller names a collector', async () => {
  const profile = await shipped('agg', 'tracing=true');
  const given = (environment: Record<string, string>): Record<string, string> => {
    const host = pythonHost('1.6.1');
    const plan = makePlan(profile, options({ engine: 'sglang' }), {
      ...host,
      environment: { ...host.environment, ...environment },
    });
    const env = Object.entries(plan.processes[0]?.env ?? {});
    return Object.fromEntries(env.filter(([name]) => /^OTEL_(EXPORTER|BLRP)/.test(name)));
  };
  const traces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:4317' };
  const logs = { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://logs:4317' };
  const all = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all:4317' };
  const quiet = { OTEL_BLRP_SCHEDULE_DELAY: '2147483647' };
  const collector = 'http://localhost:4317';
  expect(given({})).toEqual({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector,
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: collector,
    ...quiet,
  });
  expect(given(traces)).toEqual({
    ...traces,
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://traces:4317',
    ...quiet,
  });
  expect(given({ ...traces, ...logs })).toEqual({ ...traces, ...logs });
  expect(given(all)).toEqual(all);
  expect(given({ ...all, ...traces })).toEqual({ ...all, ...traces });
});

test('KV events of a worker are on loopback', async () => {
  for (const version of ['1.1.1', '1.4.2', '1.6.1']) {
    const { worker } = await planned('agg', version, ['components.worker.kvEvents=true']);
    // SGLang binds an address with a star or a double colon, and connects to any other.
    expect(line(worker)).toMatch(/"endpoint":"tcp:\/\/\[::ffff:127\.0\.0\.1\]:\d+"/);
  }
});

test('the unified entry point exists until 1.3', async () => {
  expect((await planned('agg', '1.1.1', ['unified=true'])).worker?.argv[2]).toBe(
    'dynamo.sglang.unified_main',
  );
  await expect(planned('agg', '1.4.2', ['unified=true'])).rejects.toMatchObject({ code: 'environment' });
});

test('arguments of the user replace those of the plan without duplicates', async () => {
  const rawArgs = ['--page-size', '32', '--mem-fraction-static=0.5'];
  const { worker } = await planned('agg', '1.4.2', ['maxTotalTokens=2048'], { rawArgs });
  expect(worker?.argv.slice(-3)).toEqual(rawArgs);
  expect(line(worker).match(/--page-size/g)).toHaveLength(1);
  expect(line(worker).match(/--mem-fraction-static/g)).toHaveLength(1);
});

test.each([
  '--disaggregation-bootstrap-port=31000',
  '--model',
  '--tp',
  '--kv-events-config',
  '--served-model-name',
])('%s as a raw argument is refused with a fix', async (word) => {
  const { hint, ...rest } = (await planned('disagg', '1.4.2', [], { rawArgs: [word, 'x'] }).catch(
    (error: unknown) => error,
  )) as { code: string; message: string; hint: string };
  expect(rest.code).toBe('usage');
  expect(hint).toMatch(/^(use|ports are planned|choose)/);
});
