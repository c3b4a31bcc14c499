/** Builds profiles, host facts, options and plans from the few values that a test is about. */
import { makePlan } from '../../src/plan/make-plan.ts';
import type { ServingPlan } from '../../src/plan/plan.ts';
import type { Gpu, HostFacts, PlanOptions, PythonEnvironment } from '../../src/plan/request.ts';
import type { Profile } from '../../src/profile/profile.ts';
import { profileSchema } from '../../src/profile/schema.ts';

export function profileOf(document: Readonly<Record<string, unknown>>): Profile {
  const { name = 'test', ...parsed } = profileSchema.parse({
    description: 'A profile of the tests',
    model: 'tiny/model',
    proof: { request: 'chat' },
    ...document,
  });
  const { parameters: _parameters, overlays: _overlays, extends: _extends, ...rest } = parsed;
  return { ...rest, name, origin: 'file', file: `/profiles/${name}.yaml`, parameters: {} };
}

export const frontend = { kind: 'frontend' };

export function worker(mode: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { kind: 'worker', mode, ...more };
}

/** A frontend, a prefill worker and two decode workers that wait for it. */
export const disaggregated = profileOf({
  name: 'disagg',
  components: {
    frontend,
    prefill: worker('prefill'),
    decode: worker('decode', { replicas: 2, dependsOn: { prefill: 'started' } }),
  },
});

export function host(facts: Partial<HostFacts> = {}): HostFacts {
  return {
    environment: {},
    cwd: '/home/user',
    sim: ['/usr/bin/node', '/opt/dynamo/dist/sim.js'],
    tokenizer: '/opt/dynamo/assets/tokenizer',
    runId: 'test-abcd',
    runFolder: '/state/runs/test-abcd',
    busyPorts: new Map(),
    gpus: [],
    python: undefined,
    infra: { binaries: {}, external: {}, persistentFolder: '/state/infra' },
    ...facts,
  };
}

export function options(more: Partial<PlanOptions> = {}): PlanOptions {
  return { engine: 'sim', infra: 'auto', replicas: {}, env: {}, rawArgs: [], detached: false, ...more };
}

export function pythonOf(dynamoVersion: string, sglangVersion?: string): PythonEnvironment {
  return {
    folder: '/venv',
    python: '/venv/bin/python3',
    dynamoVersion,
    backends: { sglang: sglangVersion },
    torchVersion: undefined,
    because: 'the active environment, VIRTUAL_ENV',
  };
}

export function gpusOf(count: number): Gpu[] {
  return Array.from({ length: count }, (_, index) => ({
    index,
    uuid: `GPU-${index}`,
    name: 'NVIDIA H200',
    totalMiB: 143_771,
    usedMiB: 0,
  }));
}

export function pythonHost(dynamoVersion: string, gpus = 4, facts: Partial<HostFacts> = {}): HostFacts {
  return host({
    python: pythonOf(dynamoVersion, '0.5.16'),
    gpus: gpusOf(gpus),
    environment: { PATH: '/usr/bin' },
    ...facts,
  });
}

/** A plan for tests of the supervisor. The host in each probe is the name of its process, which the fake prober reads. */
export function fakePlan(profile: Profile = disaggregated, change: Partial<ServingPlan> = {}): ServingPlan {
  const plan = makePlan(profile, options(), host());
  const processes = plan.processes.map((spec) => ({
    ...spec,
    probe: { kind: 'http' as const, url: `http://${spec.name}/` },
    // See test/unit/supervisor/shutdown.test.ts: with it, most stops of other tests would be short.
    unusedStopGraceMs: undefined,
  }));
  return { ...plan, processes, ...change };
}
