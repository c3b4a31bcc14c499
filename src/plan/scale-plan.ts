/** What a live run becomes when the number of its workers changes: the difference, with every other process as it is. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { cloneReplica, type NewReplica } from './clone-replica.ts';
import { deviceName } from './gpu-demand.ts';
import { gpusForReplicas } from './scale-gpus.ts';
import { refreshTargets } from './observe.ts';
import { isServing, type Plan, type ProcessSpec, registersAt, type ServingPlan } from './plan.ts';
import { portPool, portRange } from './ports.ts';
import type { HostFacts } from './request.ts';
import { mostOnOneMachine } from '../profile/planner-bounds.ts';

/** What planning a change needs to know about this host. GPUs and ports of the run itself count as taken. */
export type ChangeFacts = Pick<HostFacts, 'environment' | 'busyPorts' | 'gpus' | 'gpuProblem'>;

export interface PlanChange {
  /** The plan while both what is added and what is removed are there. */
  readonly during: Plan;
  readonly after: Plan;
  readonly added: readonly ProcessSpec[];
  readonly removed: readonly ProcessSpec[];
  /** `remove-first` where what is added gets the GPUs of what is removed. */
  readonly order: 'add-first' | 'remove-first';
  /** How long what is added may take to become ready; without it, as long as the `--timeout` of the run. */
  readonly startWithinMs?: number | undefined;
}

/**
 * `replicas`: the wanted number of workers by component; others stay as they are. New workers are like those that their
 * component has; the ones with the highest numbers are removed. Throws `usage` for what cannot be changed, and `busy` with who
 * holds what if ports or GPUs do not suffice.
 */
export function scalePlan(
  plan: Plan,
  replicas: Readonly<Record<string, number>>,
  facts: ChangeFacts,
): PlanChange {
  const serving = requireScalable(plan);
  const wanted = Object.entries(replicas).map(([component, count]) => {
    const standing = workersOf(serving, component, count);
    return { component, count, standing };
  });
  const removed = wanted.flatMap(({ count, standing }) => standing.slice(count));
  const names = new Set(serving.processes.map(({ name }) => name));
  const more = wanted.flatMap(({ component, count, standing }) => {
    const template = standing[0];
    if (template === undefined) return [];
    return freeNames(component, count - standing.length, names).map((name) => ({ name, template }));
  });
  return changeOf(serving, more, removed, facts);
}

/**
 * A worker like `template` in the place of this one. Where GPUs allow, it is added first; otherwise it gets the GPUs of the old
 * one. Throws what `changeOf` throws, and `usage` if there is no such worker.
 */
export function replacementOf(
  plan: Plan,
  name: string,
  template: ProcessSpec,
  facts: ChangeFacts,
): PlanChange {
  const serving = requireScalable(plan);
  const old = serving.processes.find((spec) => spec.name === name && spec.kind === 'worker');
  if (old === undefined || old.rank !== undefined) {
    throw new DynamoError('usage', `Run ${plan.runId} has no worker ${name} that could be replaced.`, {
      fields: { runId: plan.runId, asked: name },
    });
  }
  const names = new Set(serving.processes.map((spec) => spec.name));
  const [fresh = name] = freeNames(old.component, 1, names);
  return changeOf(serving, [{ name: fresh, template }], [old], facts);
}

/** Places the new replicas and puts both plans together. Throws `busy` if ports or GPUs do not suffice. */
export function changeOf(
  plan: ServingPlan,
  more: readonly NewReplica[],
  removed: readonly ProcessSpec[],
  facts: ChangeFacts,
): PlanChange {
  const pool = portPool(
    `${plan.runId} ${more.map(({ name }) => name).join(' ')}`,
    (port) => facts.busyPorts.has(port),
    portRange(facts.environment),
    portsIn(plan),
  );
  const { devices, order } = gpusForReplicas(plan, more, removed, facts);
  const added = more.map(({ name, template }) => {
    const ports = Object.keys(template.ports).map((key): [string, number] => [key, pool.take()]);
    return cloneReplica(template, {
      name,
      ports: Object.fromEntries(ports),
      gpus: devices.get(name) ?? [],
    });
  });
  const during = withProcesses(plan, { added, removed: [] }, facts);
  const after = withProcesses(plan, { added, removed }, facts);
  return { during, after, added, removed, order };
}

function portsIn({ processes }: Plan): number[] {
  return processes.flatMap(({ ports }) => Object.values(ports));
}

/** Throws `usage` for a run without workers that this host could change. */
export function requireScalable(plan: Plan): ServingPlan {
  if (isServing(plan) && plan.share === undefined) return plan;
  const what = isServing(plan)
    ? 'runs on several hosts, which are planned together'
    : 'has no frontend on this host, which would know its workers';
  throw new DynamoError('usage', `${plan.name} ${what}: its workers cannot be changed while it is up.`, {
    hint: `dynamo down ${plan.name}   # then start it with --replicas`,
    impossible: true,
    fields: { runId: plan.runId },
  });
}

/** The workers of a component, by number. Throws `usage` where their number cannot become `count`. */
function workersOf(plan: ServingPlan, component: string, count: number): ProcessSpec[] {
  const workers = plan.processes.filter(({ kind }) => kind === 'worker');
  const own = workers.filter((spec) => spec.component === component);
  const asked = `${component}=${count}`;
  if (own.length === 0) {
    const other = plan.processes.find((spec) => spec.component === component);
    const components = [...new Set(workers.map((spec) => spec.component))];
    const meant = nearest(component, components);
    const workersText = `workers: ${components.join(', ')}`;
    throw new DynamoError(
      'usage',
      other === undefined
        ? `${asked}: run ${plan.runId} has no worker ${component}.`
        : `${asked}: ${component} runs once; only workers can be scaled.`,
      {
        hint: meant === undefined || other !== undefined ? workersText : `did you mean ${meant}=${count}?`,
        fields: { runId: plan.runId, asked: component, choices: components, nearest: meant },
      },
    );
  }
  const refuse = (why: string, hint: string): DynamoError =>
    new DynamoError('usage', `${asked}: ${why}.`, { hint, fields: { runId: plan.runId, asked } });
  if (!Number.isInteger(count) || count < 1)
    throw refuse('at least one worker of a component stays', `dynamo down ${plan.name}   # ends the run`);
  if (count > mostOnOneMachine)
    throw refuse(
      `one machine runs up to ${mostOnOneMachine} of a component`,
      `dynamo scale ${component}=${mostOnOneMachine}`,
    );
  if (own.some(({ rank }) => rank !== undefined))
    throw refuse('other hosts run the rest of this worker', `dynamo down ${plan.name}   # on every host`);
  return own.toSorted((a, b) => numberOf(a.name, component) - numberOf(b.name, component));
}

/** `decode` is the first one, as is `decode-1`. */
function numberOf(name: string, component: string): number {
  return name === component ? 1 : Number(name.slice(component.length + 1));
}

/** The lowest numbers that are free. Adds them to `names`. */
export function freeNames(component: string, count: number, names: Set<string>): string[] {
  const free: string[] = [];
  // Number 1 is also the name without a number.
  if (free.length < count && !names.has(component) && !names.has(`${component}-1`)) {
    free.push([...names].some((name) => name.startsWith(`${component}-`)) ? `${component}-1` : component);
  }
  for (let number = 2; free.length < count; number++) {
    const name = `${component}-${number}`;
    if (!names.has(name)) free.push(name);
  }
  for (const name of free) names.add(name);
  return free;
}

interface Difference {
  readonly added: readonly ProcessSpec[];
  readonly removed: readonly ProcessSpec[];
}

/** The plan with other processes; those that stay are the same objects. */
function withProcesses(plan: ServingPlan, difference: Difference, { gpus }: ChangeFacts): ServingPlan {
  const { added, removed } = difference;
  const gone = new Set(removed.map(({ name }) => name));
  const last = new Map(plan.processes.map(({ component, name }) => [component, name]));
  /** Further replicas stand after the last one of their component. */
  const besides = (name: string): ProcessSpec[] =>
    added.filter(({ component }) => last.get(component) === name);
  const processes = plan.processes.flatMap((spec) => [spec, ...besides(spec.name)]);
  const next = {
    ...plan,
    processes: processes.filter(({ name }) => !gone.has(name)),
    stopOrder: plan.stopOrder
      .map((wave) => wave.flatMap((name) => [name, ...besides(name).map((spec) => spec.name)]))
      .map((wave) => wave.filter((name) => !gone.has(name))),
    expected: plan.expected.map((each) => ({
      ...each,
      count: each.count + added.filter(registersAt(each)).length - removed.filter(registersAt(each)).length,
    })),
    gpuUuids: uuidsOf(plan, difference, gpus),
  };
  return refreshTargets(next);
}

/** GPUs that the driver does not list any more stay leased until the run has ended. */
function uuidsOf(plan: Plan, { added, removed }: Difference, gpus: ChangeFacts['gpus']): string[] {
  const devices = new Map(gpus.map((gpu) => [deviceName(gpu), gpu.uuid]));
  const uuids = (specs: readonly ProcessSpec[]): string[] =>
    specs.flatMap((spec) => spec.gpus.flatMap((device) => devices.get(device) ?? []));
  const gone = new Set(removed.map(({ name }) => name));
  const stay = new Set(uuids([...plan.processes.filter(({ name }) => !gone.has(name)), ...added]));
  const freed = new Set(uuids(removed).filter((uuid) => !stay.has(uuid)));
  return [...new Set([...plan.gpuUuids, ...uuids(added)])].filter((uuid) => !freed.has(uuid));
}
