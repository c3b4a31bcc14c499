/** Single decisions of the plan: environment, planes, timeouts, names. */
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { disaggregated, frontend, host, options, profileOf, worker } from '../../support/profile.ts';

const thrown = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

test('replicas are numbered; a single one has the name of its component', () => {
  const plan = makePlan(disaggregated, options(), host());
  expect(plan.processes.map(({ name }) => name)).toEqual(['frontend', 'prefill', 'decode-1', 'decode-2']);
  expect(plan.stopOrder).toEqual([['frontend'], ['decode-1', 'decode-2'], ['prefill']]);
});

test('--replicas overrides the profile and must name a worker', () => {
  const plan = makePlan(disaggregated, options({ replicas: { decode: 1, prefill: 3 } }), host());
  expect(plan.processes.map(({ name }) => name)).toEqual([
    'frontend',
    'prefill-1',
    'prefill-2',
    'prefill-3',
    'decode',
  ]);
  expect(thrown(() => makePlan(disaggregated, options({ replicas: { decod: 1 } }), host()))).toMatchObject({
    code: 'usage',
    hint: 'did you mean --replicas decode=…?',
  });
  expect(thrown(() => makePlan(disaggregated, options({ replicas: { frontend: 2 } }), host()))).toMatchObject(
    {
      code: 'usage',
    },
  );
});

test('a component named like a replica of another is refused', () => {
  const profile = profileOf({
    components: { frontend, decode: worker('decode', { replicas: 2 }), 'decode-2': worker('prefill') },
  });
  expect(thrown(() => makePlan(profile, options(), host()))).toMatchObject({
    code: 'profile-invalid',
    message: expect.stringContaining('decode-2'),
  });
});

test('processes that wait for each other are refused, showing the chain', () => {
  const profile = profileOf({
    components: {
      frontend,
      a: worker('aggregated', { dependsOn: { b: 'ready' } }),
      b: worker('aggregated', { dependsOn: { a: 'started' } }),
    },
  });
  expect(thrown(() => makePlan(profile, options(), host()))).toMatchObject({
    code: 'profile-invalid',
    message: 'These processes depend on each other: a → b → a.',
  });
});

test('inherited variables that change behaviour are removed, unless given as options', () => {
  const environment = {
    DYN_SYSTEM_PORT: '1',
    NATS_SERVER: 'x',
    ETCD_ENDPOINTS: 'y',
    DYN_LOG: 'debug',
    PATH: '/bin',
  };
  const plan = makePlan(disaggregated, options({ env: { NATS_SERVER: 'mine' } }), host({ environment }));
  expect(plan.scrubbed).toEqual(['DYN_SYSTEM_PORT', 'ETCD_ENDPOINTS']);
  for (const { env } of plan.processes) expect(env.NATS_SERVER).toBe('mine');
});

test('a proxy in the environment never affects local processes', () => {
  const [first] = makePlan(
    disaggregated,
    options(),
    host({ environment: { https_proxy: 'p', no_proxy: 'a.b' } }),
  ).processes;
  expect(first?.env.no_proxy).toBe('a.b,localhost,127.0.0.1,0.0.0.0,::1');
  expect(first?.env.NO_PROXY).toBe(first?.env.no_proxy);
  expect(makePlan(disaggregated, options(), host()).processes[0]?.env).not.toHaveProperty('no_proxy');
});

test.each([
  ['127.0.0.1', 'http://127.0.0.1:8000'],
  ['0.0.0.0', 'http://127.0.0.1:8000'],
  ['::', 'http://[::1]:8000'],
  ['fe80::1', 'http://[fe80::1]:8000'],
  ['gpu-box', 'http://gpu-box:8000'],
])('a frontend that listens on %s is called at %s', (httpHost, url) => {
  expect(makePlan(disaggregated, options({ httpHost }), host()).http.url).toBe(url);
});

test('the defaults are file discovery and zmq events, each with a reason', () => {
  const plan = makePlan(disaggregated, options(), host());
  expect(plan.choices.map(({ what, value }) => [what, value])).toEqual([
    ['engine', 'sim'],
    ['discovery', 'file'],
    ['events', 'zmq'],
  ]);
  expect(plan.discovery).toEqual({ backend: 'file', folder: '/state/runs/test-abcd/discovery' });
  const decided = makePlan(disaggregated, options({ discovery: 'file', events: 'none' }), host());
  expect(decided.choices.map(({ what }) => what)).toEqual(['engine']);
  expect(decided.events).toBe('none');
});

test('a custom endpoint of a worker is expected in discovery', () => {
  const profile = profileOf({
    namespace: 'home',
    components: {
      frontend,
      a: worker('aggregated', { endpoint: 'other.place.generate', replicas: 2 }),
      b: worker('encode'),
    },
  });
  expect(makePlan(profile, options(), host()).expected).toEqual([
    { namespace: 'other', component: 'place', endpoint: 'generate', count: 2 },
    { namespace: 'home', component: 'encode', endpoint: 'generate', count: 1 },
  ]);
});

test('--timeout limits the whole start, else the slowest component does', () => {
  const profile = profileOf({
    components: {
      frontend: { ...frontend, startupTimeoutSeconds: 5 },
      a: worker('aggregated', { startupTimeoutSeconds: 9 }),
    },
  });
  expect(makePlan(profile, options(), host()).readyTimeoutMs).toBe(9_000);
  expect(makePlan(profile, options({ timeoutMs: 1_500 }), host()).readyTimeoutMs).toBe(1_500);
});

test('raw arguments go to workers, last; engine arguments to their engine', () => {
  const profile = profileOf({
    components: {
      frontend,
      a: worker('aggregated', { engineArgs: { sim: ['--speed', '2'], sglang: ['--tp', '2'] } }),
    },
  });
  const [first, second] = makePlan(profile, options({ rawArgs: ['--crash-after', '1'] }), host()).processes;
  expect(second?.argv.slice(-4)).toEqual(['--speed', '2', '--crash-after', '1']);
  expect(second?.argv).not.toContain('--tp');
  expect(first?.argv).not.toContain('--crash-after');
});

test('stopTimeoutSeconds of a component also applies while it loads; without it, a loading process gets 5 s', () => {
  const slow = profileOf({
    components: { frontend, slow: worker('aggregated', { stopTimeoutSeconds: 60 }), w: worker('aggregated') },
  });
  const graces = (more = {}) =>
    makePlan(slow, options(more), host()).processes.map(({ name, stopGraceMs, loadingStopGraceMs }) => [
      name,
      stopGraceMs,
      loadingStopGraceMs,
    ]);
  expect(graces()).toEqual([
    ['frontend', 10_000, 5_000],
    ['slow', 60_000, undefined],
    ['w', 10_000, 5_000],
  ]);
  expect(graces({ stopTimeoutMs: 2_000 })).toEqual([
    ['frontend', 2_000, 2_000],
    ['slow', 2_000, undefined],
    ['w', 2_000, 2_000],
  ]);
});

test('restarts and liveness follow the component, with defaults otherwise', () => {
  const settled = profileOf({
    components: {
      frontend: { ...frontend, restart: 'always', backoffSeconds: 60 },
      a: worker('aggregated', {
        restart: 'on-failure',
        maxRestarts: 2,
        restartWindowSeconds: 60,
        backoffSeconds: 0.5,
        maxBackoffSeconds: 4,
        liveness: { periodSeconds: 20, failureThreshold: 6 },
      }),
      b: worker('aggregated'),
    },
  });
  const plan = makePlan(settled, options({ detached: true }), host());
  expect(plan.processes.map(({ name, restart, liveness }) => [name, restart, liveness])).toEqual([
    [
      'frontend',
      { policy: 'always', windowMs: 600_000, firstDelayMs: 60_000, maxDelayMs: 60_000 },
      undefined,
    ],
    [
      'a',
      { policy: 'on-failure', maxRestarts: 2, windowMs: 60_000, firstDelayMs: 500, maxDelayMs: 4_000 },
      { periodMs: 20_000, timeoutMs: 5_000, failureThreshold: 6 },
    ],
    [
      'b',
      {
        policy: 'on-failure',
        maxRestarts: 5,
        windowMs: 600_000,
        firstDelayMs: 1_000,
        firstAtOnce: true,
        maxDelayMs: 30_000,
      },
      undefined,
    ],
  ]);
  expect(plan.liveness).toEqual({ periodMs: 5_000, timeoutMs: 5_000, failureThreshold: 3 });
});
