/** What a run becomes when the number of its workers changes, and what is refused. */
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { isServing, type Plan, type ProcessSpec, type ServingPlan } from '../../../src/plan/plan.ts';
import { type ChangeFacts, scalePlan } from '../../../src/plan/scale-plan.ts';
import type { Gpu } from '../../../src/plan/request.ts';
import {
  disaggregated,
  frontend,
  gpusOf,
  host,
  options,
  profileOf,
  pythonOf,
  worker,
} from '../../support/profile.ts';
import { shipped, shippedNames } from '../../support/shipped-profiles.ts';

const none: ChangeFacts = { environment: {}, busyPorts: new Map(), gpus: [] };

const thrown = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

const names = ({ processes }: Plan): string[] => processes.map(({ name }) => name);
const served = (plan: Plan): ServingPlan => {
  if (isServing(plan)) return plan;
  throw new Error('it serves nothing');
};

test('new workers get free ports; all other processes stay as they are', () => {
  const plan = makePlan(disaggregated, options(), host());
  const busy = new Map(Array.from({ length: 200 }, (_, i): [number, string] => [20_000 + i, 'another']));
  const { after, added, removed, order } = scalePlan(
    plan,
    { decode: 4, prefill: 2 },
    { ...none, busyPorts: busy },
  );
  expect(names(after)).toEqual([
    'frontend',
    'prefill',
    'prefill-2',
    'decode-1',
    'decode-2',
    'decode-3',
    'decode-4',
  ]);
  expect([removed, order]).toEqual([[], 'add-first']);
  for (const spec of plan.processes) expect(after.processes).toContain(spec);
  const taken = plan.processes.flatMap(({ ports }) => Object.values(ports));
  const fresh = added.flatMap(({ ports }) => Object.values(ports));
  expect(new Set([...taken, ...fresh]).size).toBe(taken.length + fresh.length);
  expect(fresh.filter((port) => busy.has(port))).toEqual([]);
  expect(served(after).expected.map(({ component, count }) => [component, count])).toEqual([
    ['prefill', 2],
    ['backend', 4],
  ]);
  expect(after.stopOrder).toEqual([
    ['frontend'],
    ['decode-1', 'decode-2', 'decode-3', 'decode-4'],
    ['prefill', 'prefill-2'],
  ]);
});

test('the workers with the highest numbers are removed, and nothing else changes', () => {
  const plan = makePlan(disaggregated, options({ replicas: { decode: 11 } }), host());
  const { after, removed, during } = scalePlan(plan, { decode: 2 }, none);
  expect(names(after)).toEqual(['frontend', 'prefill', 'decode-1', 'decode-2']);
  expect(removed.map(({ name }) => name).slice(0, 2)).toEqual(['decode-3', 'decode-4']);
  expect(during).toEqual(plan);
  // There and back again.
  const back = scalePlan(after, { decode: 11 }, none).after;
  expect(names(back)).toEqual(names(plan));
  expect(scalePlan(plan, { decode: 11, prefill: 1 }, none)).toMatchObject({
    added: [],
    removed: [],
    after: plan,
  });
});

test('a new worker is the one that the profile would have planned', async () => {
  const python = pythonOf('1.6.1', '0.5.21');
  let seen = 0;
  for (const profileName of await shippedNames()) {
    const profile = await shipped(profileName);
    for (const engine of ['sim', 'mocker', 'sglang'] as const) {
      const facts = host({ python, gpus: gpusOf(64) });
      const plan = thrown(() => makePlan(profile, options({ engine }), facts)) as Plan;
      // Not every engine runs every profile.
      if (plan instanceof Error) continue;
      for (const { name, component, kind, rank } of plan.processes) {
        if (kind !== 'worker' || rank !== undefined) continue;
        const more = plan.processes.filter((spec) => spec.component === component).length + 1;
        const change = thrown(() =>
          scalePlan(plan, { [component]: more }, { ...none, gpus: idle(plan, facts.gpus) }),
        );
        if (change instanceof Error) continue;
        const [added] = (change as ReturnType<typeof scalePlan>).added;
        const planned = makePlan(profile, options({ engine, replicas: { [component]: more } }), facts);
        const sibling = planned.processes.find((spec) => spec.name === `${component}-${more}`);
        expect(shape(added), `${profileName} ${engine} ${name}`).toEqual(shape(sibling));
        seen++;
      }
    }
  }
  expect(seen).toBeGreaterThan(30);
});

/** Without the values of ports and GPUs, which differ by place, and what waits for it. */
function shape(spec: ProcessSpec | undefined): unknown {
  if (spec === undefined) return undefined;
  const ports = new Map(Object.entries(spec.ports).map(([key, port]) => [String(port), `<${key}>`]));
  const text = JSON.stringify({ ...spec, dependsOn: [], gpus: spec.gpus.length });
  const devices =
    spec.env.CUDA_VISIBLE_DEVICES === undefined
      ? text
      : text.replace(/("CUDA_VISIBLE_DEVICES":")[^"]*/, '$1<gpus>');
  return JSON.parse(
    devices
      .replaceAll(/\d{5}/g, (port) => ports.get(port) ?? port)
      .replaceAll(/:(?=<\w+>[,}])(<\w+>)/g, ':"$1"'),
  );
}

function idle(plan: Plan, gpus: readonly Gpu[]): Gpu[] {
  return gpus.map((gpu) => (plan.gpuUuids.includes(gpu.uuid) ? { ...gpu, leasedBy: plan.runId } : gpu));
}

test('a number in an argument that happens to be a port is not replaced', () => {
  const profile = profileOf({ components: { frontend, worker: worker('aggregated') } });
  const first = makePlan(profile, options(), host());
  const port = first.processes[1]?.ports.system ?? 0;
  const plan = makePlan(
    profile,
    options({ rawArgs: ['--max-batch', String(port), '--status-port', String(port)] }),
    host(),
  );
  const [added] = scalePlan(plan, { worker: 2 }, none).added;
  expect(added?.argv.join(' ')).toContain(`--max-batch ${port} --status-port ${added?.ports.system}`);
});

const onGpus = profileOf({
  components: { frontend, prefill: worker('prefill', { gpus: 1 }), decode: worker('decode', { gpus: 2 }) },
});

const gpuPlan = (
  count: number,
  more: Parameters<typeof options>[0] = {},
): { plan: ServingPlan; gpus: Gpu[] } => {
  const gpus = gpusOf(count);
  const facts = host({ gpus, python: pythonOf('1.6.1', '0.5.21') });
  const plan = makePlan(onGpus, options({ engine: 'sglang', ...more }), facts);
  return { plan, gpus: idle(plan, gpus) };
};

test('new workers get idle GPUs, which the run leases; removed ones give theirs back', () => {
  const { plan, gpus } = gpuPlan(8);
  const { after, added } = scalePlan(plan, { decode: 3 }, { ...none, gpus });
  expect(added.map(({ gpus: own, env }) => [own, env.CUDA_VISIBLE_DEVICES])).toEqual([
    [['3', '4'], '3,4'],
    [['5', '6'], '5,6'],
  ]);
  expect(after.gpuUuids).toEqual(['GPU-0', 'GPU-1', 'GPU-2', 'GPU-3', 'GPU-4', 'GPU-5', 'GPU-6']);
  expect(scalePlan(after, { decode: 1 }, { ...none, gpus }).after.gpuUuids).toEqual(plan.gpuUuids);
});

test('GPUs in use, foreign, or not allowed are not taken; the error says who holds them', () => {
  const { plan, gpus } = gpuPlan(5);
  const taken = gpus.map((gpu) => (gpu.index === 4 ? { ...gpu, leasedBy: 'other-run' } : gpu));
  expect(thrown(() => scalePlan(plan, { decode: 2 }, { ...none, gpus: taken }))).toMatchObject({
    code: 'busy',
    message: 'decode-2: needs 2 more idle GPUs, and 1 of the 5 allowed is.',
    details: expect.arrayContaining([expect.stringContaining('leased by run other-run')]),
  });
  const used = gpus.map((gpu) =>
    gpu.index === 3 ? { ...gpu, usedMiB: 9_000, heldBy: ['8.8 GiB by pid 7'] } : gpu,
  );
  expect(thrown(() => scalePlan(plan, { decode: 2 }, { ...none, gpus: used }))).toMatchObject({
    details: expect.arrayContaining(['    8.8 GiB by pid 7']),
  });
  const narrow = gpuPlan(5, { gpus: ['0', '1', '2'] });
  expect(thrown(() => scalePlan(narrow.plan, { decode: 2 }, { ...none, gpus: narrow.gpus }))).toMatchObject({
    message: expect.stringContaining('0 of the 3 allowed (--gpus 0,1,2)'),
  });
});

test('what is removed makes room for what is added where GPUs are scarce', () => {
  const { plan, gpus } = gpuPlan(5, { replicas: { prefill: 3 } });
  const { order, added, after } = scalePlan(plan, { prefill: 1, decode: 2 }, { ...none, gpus });
  expect([order, added[0]?.gpus]).toEqual(['remove-first', ['1', '2']]);
  expect(after.gpuUuids.toSorted()).toEqual(plan.gpuUuids.toSorted());
});

test.each([
  [{ frontend: 2 }, 'usage', 'frontend=2: frontend runs once; only workers can be scaled.'],
  [{ decod: 2 }, 'usage', 'decod=2: run test-abcd has no worker decod.'],
  [{ decode: 0 }, 'usage', 'decode=0: at least one worker of a component stays.'],
  [{ decode: 1.5 }, 'usage', 'decode=1.5: at least one worker of a component stays.'],
  [{ decode: 257 }, 'usage', 'decode=257: one machine runs up to 256 of a component.'],
])('%o is refused', (replicas, code, message) => {
  const plan = makePlan(disaggregated, options(), host());
  expect(thrown(() => scalePlan(plan, replicas as Record<string, number>, none))).toMatchObject({
    code,
    message,
  });
});

test('no port left, and workers on several hosts, are refused', () => {
  const plan = makePlan(disaggregated, options(), host());
  const environment = { DYNAMO_PORTS: '12000-12001' };
  expect(thrown(() => scalePlan(plan, { decode: 5 }, { ...none, environment }))).toMatchObject({
    code: 'busy',
  });
  const share = {
    address: '10.0.0.1',
    interface: 'eth0',
    components: ['frontend'],
    elsewhere: [],
    versions: {},
  };
  expect(thrown(() => scalePlan({ ...plan, share }, { decode: 1 }, none))).toMatchObject({
    code: 'usage',
    message: expect.stringContaining('several hosts'),
  });
});
