/** `--planner` in a plan: the process and its configuration, the bounds, and what is refused with which reason. */
import { expect, test } from 'vitest';
import { plannerLack } from '../../../src/engine/planner/need.ts';
import { choosePlanes } from '../../../src/plan/choose-planes.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { withPlanner } from '../../../src/plan/planner.ts';
import type { ServingPlan } from '../../../src/plan/plan.ts';
import type { HostFacts, PlanOptions } from '../../../src/plan/request.ts';
import type { Profile } from '../../../src/profile/profile.ts';
import {
  disaggregated,
  frontend,
  host,
  options,
  profileOf,
  pythonHost,
  worker,
} from '../../support/profile.ts';

const etcd = {
  binaries: { etcd: { path: '/bin/etcd', version: '3.5.1' } },
  external: {},
  persistentFolder: '/p',
};

function planned(
  profile: Profile,
  more: Partial<PlanOptions> = {},
  facts: HostFacts = pythonHost('1.4.2', 4, { infra: etcd }),
  has: (module: string) => boolean = () => true,
): ServingPlan {
  const asked = options({ engine: 'mocker', planner: true, ...more });
  const lack = ({ dynamoVersion }: { readonly dynamoVersion: string }) => plannerLack(dynamoVersion, has);
  return withPlanner(makePlan(profile, asked, facts), { profile, options: asked, lack }, facts);
}

function configOf(plan: ServingPlan): Record<string, unknown> {
  const text = plan.infra?.files.find(({ path }) => path === '/state/runs/test-abcd/planner.json')?.text;
  return JSON.parse(text ?? '') as Record<string, unknown>;
}

function withSettings(planner: Readonly<Record<string, unknown>>): Profile {
  return {
    ...disaggregated,
    planner: { target: 'throughput', replicas: {}, intervalSeconds: 5, ...planner },
  };
}

test('the planner starts after the workers, finds them in etcd, and stops with the frontend', () => {
  const plan = planned(disaggregated);
  const process = plan.processes.at(-1);
  expect(process).toMatchObject({
    name: 'planner',
    kind: 'infra',
    argv: ['/venv/bin/python3', '-m', 'dynamo.planner', '--config', '/state/runs/test-abcd/planner.json'],
    env: { DYN_DISCOVERY_BACKEND: 'etcd', DYN_NAMESPACE: 'dynamo', DYNAMO_PROCESS: 'planner' },
    watches: true,
    restart: { policy: 'always' },
  });
  expect(process?.env.ETCD_ENDPOINTS).toBe(
    plan.processes[0]?.argv.join(' ').match(/http:\/\/127[\d.:]+/)?.[0],
  );
  expect(process?.env.DYN_SYSTEM_PORT).toBe(String(process?.ports.system));
  expect(process?.dependsOn.map((each) => each.process)).toEqual(['prefill', 'decode-1', 'decode-2']);
  expect(plan.stopOrder[0]).toEqual(['frontend', 'planner']);
  const ports = plan.processes.flatMap((each) => Object.values(each.ports));
  expect(new Set(ports).size).toBe(ports.length);
});

test('its configuration is of the profile, and opens no port of its own', () => {
  expect(
    configOf(planned(withSettings({ replicas: { decode: { min: 2, max: 5 } }, intervalSeconds: 7 }))),
  ).toEqual({
    environment: 'virtual',
    backend: 'mocker',
    mode: 'disagg',
    model_name: 'tiny/model',
    optimization_target: 'throughput',
    load_adjustment_interval_seconds: 7,
    max_gpu_budget: 8,
    min_endpoint: 1,
    prefill_engine_num_gpu: 1,
    decode_engine_num_gpu: 1,
    pre_deployment_sweeping_mode: 'none',
    live_dashboard_port: 0,
    report_interval_hours: null,
  });
  const newer = pythonHost('1.5.1', 0, { infra: etcd });
  expect(configOf(planned(withSettings({ replicas: { decode: { min: 2 } } }), {}, newer))).toMatchObject({
    prefill_min_endpoint: 1,
    decode_min_endpoint: 2,
    control_api_port: 0,
  });
});

test('an aggregated deployment scales its workers as decode workers', () => {
  const profile = profileOf({ components: { frontend, worker: worker('aggregated') } });
  const plan = planned(profile);
  expect(configOf(plan)).toMatchObject({ mode: 'agg' });
  const newer = configOf(planned(profile, {}, pythonHost('1.5.1', 0, { infra: etcd })));
  expect(newer).toMatchObject({ min_endpoint: 1, control_api_port: 0 });
  expect(newer).not.toHaveProperty('decode_min_endpoint');
  expect(plan.planner?.roles).toEqual([{ role: 'decode', component: 'worker', min: 1, max: 256, gpus: 1 }]);
});

test('targets with thresholds take them from the profile, or say which is missing', () => {
  const thresholds = {
    prefillScaleUpQueueTokens: 2000,
    prefillScaleDownQueueTokens: 100,
    decodeScaleUpKvRate: 2,
    decodeScaleDownKvRate: 0.2,
  };
  expect(configOf(planned(withSettings(thresholds), { planner: 'load' }))).toMatchObject({
    optimization_target: 'load',
    prefill_scale_up_queue_tokens: 2000,
    decode_scale_down_kv_rate: 0.2,
  });
  expect(configOf(planned(withSettings({ ttftMs: 200, itlMs: 20 }), { planner: 'sla' }))).toMatchObject({
    ttft_ms: 200,
    itl_ms: 20,
    enable_throughput_scaling: false,
  });
  expect(() => planned(disaggregated, { planner: 'load' })).toThrow(
    /does not set planner\.prefillScaleUpQueueTokens/,
  );
  expect(() => planned(withSettings({ ttftMs: 200 }), { planner: 'sla' })).toThrow(
    /does not set planner\.itlMs/,
  );
  expect(() =>
    planned(withSettings(thresholds), { planner: 'load' }, pythonHost('1.2.1', 0, { infra: etcd })),
  ).toThrow(/load needs Dynamo 1\.3; this is 1\.2\.1/);
});

test('SGLang publishes what it reads, on GPUs that no one else uses', () => {
  const facts = pythonHost('1.4.2', 6, { infra: etcd });
  const [, , , taken, ...rest] = facts.gpus;
  if (taken === undefined) throw new Error('no GPU');
  const gpus = [...facts.gpus.slice(0, 3), { ...taken, leasedBy: 'run other' }, ...rest];
  const plan = planned(disaggregated, { engine: 'sglang' }, { ...facts, gpus });
  const workers = plan.processes.filter(({ kind }) => kind === 'worker');
  for (const { argv } of workers) expect(argv).toContain('--enable-forward-pass-metrics');
  // Three of its own and two of the other three.
  expect(configOf(plan)).toMatchObject({ backend: 'sglang', max_gpu_budget: 5 });
  expect(plan.choices.find(({ what }) => what === 'planner')?.because).toMatch(
    /up to 5 GPUs: 3 of this run, and 2 idle/,
  );
  const bounded = withSettings({ maxGpus: 4 });
  expect(configOf(planned(bounded, { engine: 'sglang' }, facts))).toMatchObject({ max_gpu_budget: 4 });
});

test.for([
  ['1.1.1', /Dynamo 1\.1\.1 cannot read the size of a worker/, /--version 1\.4\.2 --with planner/],
  ['1.4.2', /its planner lacks scikit-learn, prometheus-api-client/, /--version 1\.4\.2 --with planner/],
  ['1.5.1', /lacks scikit-learn, .*aiconfigurator-core/, /--version 1\.5\.1 --with planner/],
  ['1.6.1', /imports aisimulate_core, which PyPI does not have/, /--version 1\.4\.2 --with planner/],
] as const)(
  'Dynamo %s without the packages is refused with the command that helps',
  ([version, why, hint]) => {
    const facts = pythonHost(version, 0, { infra: etcd });
    try {
      planned(disaggregated, {}, facts, () => false);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ message: expect.stringMatching(why), hint: expect.stringMatching(hint) });
    }
  },
);

test('1.6 is taken where its simulator can be imported', () => {
  expect(plannerLack('1.6.1', () => true)).toBeUndefined();
  expect(plannerLack('1.6.1', (module) => module !== 'aisimulate_core')).toMatch(/aisimulate_core/);
});

test('it is refused where it could not work: sim, file discovery, other hosts, other workers, bounds', () => {
  expect(() => planned(disaggregated, { engine: 'sim' })).toThrow(/cannot scale the engine sim/);
  expect(() => choosePlanes(disaggregated, options({ planner: true, discovery: 'file' }), {})).toThrow(
    /needs etcd/,
  );
  expect(() => choosePlanes(disaggregated, options({ planner: true, infra: 'none' }), {})).toThrow(
    /--planner needs etcd/,
  );
  const onCpu: Profile = { ...disaggregated, device: 'cpu' };
  expect(() => planned(onCpu, { engine: 'sglang' })).toThrow(/times each step for the planner with CUDA/);
  expect(planned(onCpu).planner).toBeDefined();
  const encoders = profileOf({
    components: { frontend, encode: worker('encode'), worker: worker('aggregated') },
    proof: { request: 'chat' },
  });
  expect(() => planned(encoders, { engine: 'sglang' })).toThrow(/has workers of aggregated and encode/);
  expect(() => planned(withSettings({ replicas: { decod: { min: 1 } } }))).toThrow(/no worker decod/);
  expect(() => planned(withSettings({ replicas: { decode: { min: 1, max: 1 } } }))).toThrow(
    /and 2 would start/,
  );
  expect(() => planned(withSettings({ maxGpus: 2 }))).toThrow(/the workers start with 3/);
  expect(host().gpus).toEqual([]);
});
