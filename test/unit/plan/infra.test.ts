/** Where etcd and NATS come from, and how they are started. */
import { expect, test } from 'vitest';
import type { InfraFacts } from '../../../src/plan/infra.ts';
import { makeInfraPlan } from '../../../src/plan/infra-plan.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { frontend, host, options, profileOf, pythonHost, worker } from '../../support/profile.ts';

const router = profileOf({
  name: 'agg_router',
  components: { frontend, worker: worker('aggregated', { replicas: 2, kvEvents: true }) },
});
const plain = profileOf({ name: 'agg', components: { frontend, worker: worker('aggregated') } });

const nothing: InfraFacts = { binaries: {}, external: {}, persistentFolder: '/state/infra' };
const binaries = {
  etcd: { path: '/usr/bin/etcd', version: '3.4.23' },
  nats: { path: '/usr/sbin/nats-server', version: '2.9.10' },
};
const shared = {
  runId: 'infra-wxyz',
  addresses: { etcd: 'http://127.0.0.1:11000', nats: 'nats://127.0.0.1:11001' },
  versions: { etcd: '3.5.1', nats: '2.15.1' },
};
const external = {
  etcd: { addresses: ['http://etcd:2379'], version: '3.6.0' },
  nats: { addresses: ['nats://nats:4222'], version: '2.11.4', about: 'with JetStream' },
};
const knowing = (facts: Partial<InfraFacts>) => host({ infra: { ...nothing, ...facts } });
const etcdAndNats = options({ discovery: 'etcd', events: 'nats' });
const choice = (plan: Plan, what: string) => plan.choices.find((one) => one.what === what);

const thrown = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

test('plans that need neither etcd nor NATS start neither, whatever is available', () => {
  const plan = makePlan(router, options(), knowing({ binaries, shared, external }));
  expect(plan.infra).toBeUndefined();
  expect(plan.nats).toBeUndefined();
  expect(plan.processes.map(({ kind }) => kind)).toEqual(['frontend', 'worker', 'worker']);
  expect(plan.namespace).toBe('dynamo');
});

test('--infra process starts etcd, NATS, frontend and workers in this order, and stops them in reverse', () => {
  const plan = makePlan(router, options({ infra: 'process' }), knowing({ binaries }));
  expect(plan.processes.map(({ name }) => name)).toEqual([
    'etcd',
    'nats',
    'frontend',
    'worker-1',
    'worker-2',
  ]);
  expect(plan.stopOrder).toEqual([['frontend'], ['worker-1', 'worker-2'], ['etcd', 'nats']]);
  for (const spec of plan.processes.filter(({ kind }) => kind !== 'infra')) {
    expect(spec.dependsOn).toEqual([
      { process: 'etcd', condition: 'ready' },
      { process: 'nats', condition: 'ready' },
    ]);
  }
  const [etcd, nats, front] = plan.processes;
  expect(plan.discovery).toEqual({ backend: 'etcd', endpoints: [`http://127.0.0.1:${etcd?.ports.client}`] });
  expect(front?.env).toMatchObject({
    DYN_DISCOVERY_BACKEND: 'etcd',
    ETCD_ENDPOINTS: `http://127.0.0.1:${etcd?.ports.client}`,
    DYN_EVENT_PLANE: 'nats',
    NATS_SERVER: `nats://127.0.0.1:${nats?.ports.client}`,
  });
  expect(front?.env).not.toHaveProperty('DYN_FILE_KV');
  expect(plan.namespace).toBe('dynamo');
  const ports = plan.processes.flatMap((spec) => Object.values(spec.ports));
  expect(new Set(ports).size).toBe(ports.length);
});

test('without KV events --infra process needs no NATS', () => {
  const plan = makePlan(plain, options({ infra: 'process' }), knowing({ binaries }));
  expect(plan.processes.map(({ name }) => name)).toEqual(['etcd', 'frontend', 'worker']);
  expect(plan.events).toBe('zmq');
  expect(plan.processes.at(-1)?.env).not.toHaveProperty('NATS_SERVER');
});

test('requests over NATS need NATS, even with file discovery', () => {
  const profile = profileOf({ requestPlane: 'nats', components: { frontend, w: worker('aggregated') } });
  const mocker = pythonHost('1.6.1', 0, { infra: { ...nothing, binaries } });
  const plan = makePlan(profile, options({ engine: 'mocker' }), mocker);
  expect(plan.processes.map(({ name }) => name)).toEqual(['nats', 'frontend', 'w']);
  expect(plan.discovery.backend).toBe('file');
  expect(plan.processes.at(-1)?.env.NATS_SERVER).toBe(plan.nats);
  expect(thrown(() => makePlan(profile, options(), knowing({ binaries })))).toMatchObject({
    code: 'usage',
    message: 'The engine sim does not support the request plane nats; supported: tcp.',
  });
});

test('etcd listens on loopback only, on planned ports, with its data in the folder of the run', () => {
  const plan = makePlan(plain, options({ discovery: 'etcd' }), knowing({ binaries }));
  const [etcd] = plan.processes;
  const client = `http://127.0.0.1:${etcd?.ports.client}`;
  const peer = `http://127.0.0.1:${etcd?.ports.peer}`;
  expect(etcd?.argv).toEqual(
    expect.arrayContaining([
      '/usr/bin/etcd',
      '--data-dir=/state/runs/test-abcd/infra/etcd',
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--log-level=info',
    ]),
  );
  expect(etcd?.probe).toEqual({ kind: 'http', url: `${client}/health` });
  expect(etcd?.restart.policy).toBe('on-failure');
  expect(etcd?.env).not.toHaveProperty('ETCD_ENDPOINTS');
  expect(plan.infra?.folders).toEqual([{ path: '/state/runs/test-abcd/infra/etcd', kept: false }]);
});

test("NATS has JetStream in the folder of the run and upstream's payload limit", () => {
  const plan = makePlan(plain, options({ events: 'nats' }), knowing({ binaries }));
  const [nats] = plan.processes;
  expect(nats?.argv).toEqual(['/usr/sbin/nats-server', '--config', '/state/runs/test-abcd/nats.conf']);
  expect(nats?.probe).toEqual({ kind: 'http', url: `http://127.0.0.1:${nats?.ports.monitoring}/healthz` });
  const [file] = plan.infra?.files ?? [];
  expect(file?.path).toBe('/state/runs/test-abcd/nats.conf');
  expect(file?.text.split('\n')).toEqual([
    'server_name: "test-abcd"',
    `listen: "127.0.0.1:${nats?.ports.client}"`,
    `http: "127.0.0.1:${nats?.ports.monitoring}"`,
    'max_payload: 15728640',
    'jetstream { store_dir: "/state/runs/test-abcd/infra/nats" }',
    'debug: false',
    '',
  ]);
});

test.each([
  ['trace', 'debug', true],
  ['debug,dynamo_runtime=trace', 'debug', true],
  ['warn', 'warn', false],
  ['dynamo=debug', 'info', false],
])("Dynamo's log filter %s is level %s of etcd", (filter, level, debug) => {
  const facts = { ...knowing({ binaries }), environment: { DYN_LOG: filter } };
  const plan = makePlan(plain, etcdAndNats, facts);
  expect(plan.processes[0]?.argv).toContain(`--log-level=${level}`);
  expect(plan.infra?.files[0]?.text).toContain(`debug: ${debug}\n`);
});

test('--persist keeps the data elsewhere, and is refused if there is none', () => {
  const plan = makePlan(plain, options({ infra: 'process', persist: 'mine' }), knowing({ binaries }));
  expect(plan.infra?.folders).toEqual([{ path: '/state/infra/mine/etcd', kept: true }]);
  expect(plan.infra?.persist).toBe('mine');
  for (const facts of [knowing({ binaries }), knowing({ external })]) {
    expect(thrown(() => makePlan(plain, options({ persist: 'mine' }), facts))).toMatchObject({
      code: 'usage',
    });
  }
});

test.each<[string, Partial<InfraFacts>, number | undefined]>([
  ['its own etcd', { binaries }, 1_000],
  ['a shared etcd', { binaries, shared }, undefined],
  ['an external etcd', { external }, undefined],
])('time to stop for a worker that the frontend no longer uses, with %s', (_, facts, expected) => {
  const { processes } = makePlan(router, etcdAndNats, knowing(facts));
  expect(processes.find(({ kind }) => kind === 'worker')?.unusedStopGraceMs).toBe(expected);
});

test('auto tries external, then shared, then processes, with reasons', () => {
  const all = makePlan(plain, etcdAndNats, knowing({ binaries, shared, external }));
  expect(all.choices.filter(({ what }) => what === 'etcd' || what === 'nats')).toEqual([
    {
      what: 'etcd',
      value: 'external',
      because: 'ETCD_ENDPOINTS=http://etcd:2379 answers, version 3.6.0',
    },
    {
      what: 'nats',
      value: 'external',
      because: 'NATS_SERVER=nats://nats:4222 answers, version 2.11.4, with JetStream',
    },
  ]);
  const second = makePlan(plain, etcdAndNats, knowing({ binaries, shared }));
  expect(choice(second, 'etcd')).toMatchObject({
    value: 'shared',
    because: expect.stringMatching(/^run infra-wxyz .*; ETCD_ENDPOINTS is not set$/),
  });
  const silent = { etcd: { addresses: ['http://etcd:2379'], silent: 'connection refused' } };
  const third = makePlan(plain, etcdAndNats, knowing({ binaries, external: silent }));
  expect(choice(third, 'etcd')).toMatchObject({
    value: 'process',
    because:
      '/usr/bin/etcd, version 3.4.23; ETCD_ENDPOINTS=http://etcd:2379: connection refused; no shared one is running (dynamo infra up)',
  });
});

test('an external server that answers but cannot be used is not skipped silently', () => {
  const wrong = { nats: { addresses: ['nats://nats:4222'], wrong: 'it refuses us' } };
  expect(thrown(() => makePlan(plain, etcdAndNats, knowing({ binaries, external: wrong })))).toMatchObject({
    code: 'unavailable',
    message: 'NATS_SERVER=nats://nats:4222: it refuses us.',
  });
});

test('on shared servers, a run gets its own namespace, endpoints included', () => {
  const profile = profileOf({
    namespace: 'home',
    components: {
      frontend,
      w: worker('aggregated', { endpoint: 'home.place.generate' }),
      v: worker('encode'),
    },
  });
  for (const facts of [{ shared }, { external }]) {
    const plan = makePlan(profile, options({ discovery: 'etcd' }), knowing(facts));
    expect(plan.namespace).toBe('home-abcd');
    expect(plan.expected.map(({ namespace }) => namespace)).toEqual(['home-abcd', 'home-abcd']);
    expect(plan.processes.map(({ kind }) => kind)).not.toContain('infra');
    for (const { env } of plan.processes) expect(env.DYN_NAMESPACE).toBe('home-abcd');
    expect(choice(plan, 'namespace')?.value).toBe('home-abcd');
  }
});

test('credentials for an external server are passed on by name, without values in the plan', () => {
  const environment = {
    ETCD_ENDPOINTS: 'http://etcd:2379',
    ETCD_AUTH_USERNAME: 'somebody',
    ETCD_AUTH_PASSWORD: 'hush-etcd',
    NATS_AUTH_TOKEN: 'hush-nats',
    ETCD_LEASE_TTL: '3',
  };
  const plan = makePlan(plain, options({ discovery: 'etcd' }), { ...knowing({ external }), environment });
  expect(plan.scrubbed).toEqual(['ETCD_ENDPOINTS', 'ETCD_LEASE_TTL', 'NATS_AUTH_TOKEN']);
  expect(plan.secrets).toEqual(['ETCD_AUTH_PASSWORD']);
  expect(JSON.stringify(plan)).not.toContain('hush');
  const own = makePlan(plain, options({ discovery: 'etcd' }), { ...knowing({ binaries }), environment });
  expect(own.scrubbed).toContain('ETCD_AUTH_PASSWORD');
});

test.each([
  [options({ infra: 'process' }), 'discovery etcd needs etcd', 'dynamo setup --infra'],
  [etcdAndNats, 'discovery etcd needs etcd', 'apt-get install etcd-server nats-server'],
  [options({ events: 'nats' }), 'events nats needs NATS', 'dynamo setup --infra'],
  [options({ infra: 'docker' }), 'needs etcd', '--infra process'],
  [options({ infra: 'external' }), 'would not use an external etcd or NATS', 'export ETCD_ENDPOINTS='],
  [options({ infra: 'external', discovery: 'etcd' }), 'needs etcd', 'export ETCD_ENDPOINTS='],
  [
    options({ infra: 'none', discovery: 'etcd' }),
    '--infra none, but discovery etcd needs etcd',
    '--discovery file',
  ],
  [options({ infra: 'none', events: 'nats' }), '--infra none, but events nats needs NATS', 'zmq'],
])('%j and nothing available exits with 69 and a fix', (asked, message, hint) => {
  expect(thrown(() => makePlan(plain, asked, knowing({})))).toMatchObject({
    exitCode: 69,
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  });
});

test('a component may not have the name of an added process', () => {
  const profile = profileOf({ components: { frontend, etcd: worker('aggregated') } });
  expect(thrown(() => makePlan(profile, options({ infra: 'process' }), knowing({ binaries })))).toMatchObject(
    {
      code: 'profile-invalid',
    },
  );
});

test('the plan of `dynamo infra up` has only etcd and NATS, and serves no model', () => {
  const plan = makeInfraPlan({}, knowing({ binaries, external, shared }));
  expect(plan.processes.map(({ name, kind }) => [name, kind])).toEqual([
    ['etcd', 'infra'],
    ['nats', 'infra'],
  ]);
  expect(plan).toMatchObject({
    name: 'infra',
    engine: 'none',
    infra: { etcd: { from: 'process' }, nats: { from: 'process' } },
  });
  for (const field of ['model', 'http', 'namespace', 'discovery', 'proof', 'expected']) {
    expect(plan).not.toHaveProperty(field);
  }
  expect(thrown(() => makeInfraPlan({}, knowing({ external })))).toMatchObject({ code: 'unavailable' });
});

const named = { etcd: { endpoints: ['http://etcd:2379'] }, nats: { servers: ['nats://nats:4222'] } };
const inProfile = {
  etcd: { ...external.etcd, profileKey: 'infra.etcd.endpoints' },
  nats: { ...external.nats, profileKey: 'infra.nats.servers' },
};

test('servers named in the profile are used and shown; without KV events only etcd', () => {
  const facts = knowing({ external: inProfile, binaries });
  const plan = makePlan({ ...router, infra: named }, options(), facts);
  expect(plan.discovery).toEqual({ backend: 'etcd', endpoints: ['http://etcd:2379'] });
  expect(plan.events).toBe('nats');
  expect(choice(plan, 'discovery')?.because).toBe('infra.etcd in the profile');
  expect(choice(plan, 'etcd')).toEqual({
    what: 'etcd',
    value: 'external',
    because: 'infra.etcd.endpoints=http://etcd:2379 answers, version 3.6.0',
  });
  const quiet = makePlan({ ...plain, infra: named }, options(), facts);
  expect([quiet.discovery.backend, quiet.events]).toEqual(['etcd', 'zmq']);
});

test('a silent server named in the profile is not replaced by another', () => {
  const silent = { addresses: ['http://etcd:2379'], silent: 'connection refused' };
  const facts = (profileKey?: string) => knowing({ binaries, external: { etcd: { ...silent, profileKey } } });
  const discovery = options({ discovery: 'etcd' });
  const profile = { ...plain, infra: { etcd: named.etcd } };
  expect(thrown(() => makePlan(profile, discovery, facts('infra.etcd.endpoints')))).toMatchObject({
    code: 'unavailable',
    message: 'infra.etcd.endpoints=http://etcd:2379: connection refused.',
    hint: 'fix infra.etcd in the profile, or use a local one: --infra process',
  });
  expect(makePlan(plain, discovery, facts()).infra?.etcd?.from).toBe('process');
});

test('a requested source overrides the profile', () => {
  const facts = knowing({ binaries });
  const plan = makePlan({ ...router, infra: named }, options({ infra: 'process' }), facts);
  expect(plan.infra?.etcd?.from).toBe('process');
  const none = makePlan({ ...router, infra: named }, options({ infra: 'none' }), facts);
  expect(none.infra).toBeUndefined();
});
