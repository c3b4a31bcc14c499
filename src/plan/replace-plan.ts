/** Compares a live run with what its profile and options would start now: which workers differ, and what cannot be changed. */
import { cloneReplica, withPortsOfOthers } from './clone-replica.ts';
import type { ProcessSpec, ServingPlan } from './plan.ts';

/** For people: `decode: --context-length: 4096 → 8192`. */
export interface PlanDifference {
  /** A process, or a part of the plan. */
  readonly of: string;
  readonly what: string;
  readonly from: string;
  readonly to: string;
}

export interface PlanComparison {
  /** Live workers that differ, in the order of the plan. */
  readonly names: readonly string[];
  /** What takes their place, by component. */
  readonly templates: Readonly<Record<string, ProcessSpec>>;
  readonly differences: readonly PlanDifference[];
  /** Of frontend, infrastructure, model and so on: only a new start changes them. */
  readonly fixed: readonly PlanDifference[];
  /** How many workers there are and how many it would start; `dynamo scale` changes that. */
  readonly counts: readonly PlanDifference[];
}

/** `fresh`: planned with the id and the folder of the live run. Its ports and GPUs may be others. */
export function comparePlans(live: ServingPlan, fresh: ServingPlan): PlanComparison {
  const [moved, there] = [portsByProcess(fresh), portsByProcess(live)];
  const placed = fresh.processes.map((spec) => withPortsOfOthers(spec, moved, there));
  const workers = live.processes.filter(({ kind }) => kind === 'worker');
  const templates = new Map<string, ProcessSpec>();
  for (const spec of placed) {
    if (spec.kind === 'worker' && !templates.has(spec.component)) templates.set(spec.component, spec);
  }
  const seen = workers.map((worker) => {
    const template = templates.get(worker.component);
    return { worker, template, found: template === undefined ? [] : differencesOf(worker, template) };
  });
  const differing = seen.filter(({ found }) => found.length > 0);
  const components = [...new Set(workers.map(({ component }) => component))];
  const old = new Set(differing.map(({ worker }) => worker.component));
  return {
    names: differing.map(({ worker }) => worker.name),
    templates: Object.fromEntries([...templates].filter(([component]) => old.has(component))),
    differences: differing.flatMap(({ worker, found }) =>
      found.map((each) => ({ of: worker.name, ...each })),
    ),
    fixed: [
      ...planDifferences(live, fresh),
      ...othersOf(live, placed),
      ...componentsOf(components, templates),
    ],
    counts: components.flatMap((component) =>
      changed(component, 'workers', countOf(live, component), countOf(fresh, component)),
    ),
  };
}

type Found = Omit<PlanDifference, 'of'>;

/** Of two workers of one component, wherever they are placed. */
function differencesOf(live: ProcessSpec, template: ProcessSpec): Found[] {
  const shape = [
    ...differs('GPUs', String(live.gpus.length), String(template.gpus.length)),
    ...differs('ports', Object.keys(live.ports).join(' '), Object.keys(template.ports).join(' ')),
  ];
  const there = cloneReplica(template, {
    name: live.name,
    ports: live.ports,
    gpus: template.gpus.length === live.gpus.length ? live.gpus : template.gpus,
  });
  return [...shape, ...specDifferences(live, there)];
}

/** What a process runs with, and how it is watched. When it may start, and how long that may take, is over. */
function specDifferences(live: ProcessSpec, fresh: ProcessSpec): Found[] {
  const [flags, newFlags] = [flagsOf(live.argv), flagsOf(fresh.argv)];
  return [
    ...mapDifferences(flags, newFlags),
    ...mapDifferences(live.env, fresh.env).map((each) => ({ ...each, what: `variable ${each.what}` })),
    ...differs('container', text(live.container), text(fresh.container)),
    ...differs('working folder', live.cwd, fresh.cwd),
    ...differs('stop time', `${live.stopGraceMs / 1000} s`, `${fresh.stopGraceMs / 1000} s`),
    ...differs('restart', text(live.restart), text(fresh.restart)),
    ...differs('liveness', text(live.liveness), text(fresh.liveness)),
    ...differs('registration', text(live.registersAs), text(fresh.registersAs)),
  ];
}

function planDifferences(live: ServingPlan, fresh: ServingPlan): PlanDifference[] {
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['engine', live.engine, fresh.engine],
    ['model', live.model.path, fresh.model.path],
    ['served model name', live.model.servedName, fresh.model.servedName],
    ['HTTP address', live.http.url, fresh.http.url],
    ['namespace', live.namespace, fresh.namespace],
    ['discovery', live.discovery.backend, fresh.discovery.backend],
    ['events', live.events, fresh.events],
  ];
  return pairs.flatMap(([what, from, to]) => changed('run', what, text(from), text(to)));
}

function isOther({ kind, watches }: ProcessSpec): boolean {
  return kind !== 'worker' && watches !== true;
}

/** Frontend and infrastructure. What only watches is not needed, and may have been asked for at the start alone. */
function othersOf(live: ServingPlan, placed: readonly ProcessSpec[]): PlanDifference[] {
  const fresh = new Map(placed.filter(isOther).map((spec) => [spec.name, spec]));
  const known = live.processes.filter(isOther).flatMap((spec): PlanDifference[] => {
    const now = fresh.get(spec.name);
    fresh.delete(spec.name);
    if (now === undefined) return [{ of: spec.name, what: 'process', from: 'runs', to: 'none' }];
    return specDifferences(spec, now).map((each) => ({ of: spec.name, ...each }));
  });
  return [...known, ...[...fresh.keys()].map((of) => ({ of, what: 'process', from: 'none', to: 'runs' }))];
}

function componentsOf(live: readonly string[], fresh: ReadonlyMap<string, unknown>): PlanDifference[] {
  const gone = live.filter((component) => !fresh.has(component));
  const added = [...fresh.keys()].filter((component) => !live.includes(component));
  return [
    ...gone.map((of) => ({ of, what: 'component', from: 'runs', to: 'none' })),
    ...added.map((of) => ({ of, what: 'component', from: 'none', to: 'runs' })),
  ];
}

/** Of frontend and infrastructure, whose names are the same in both. */
function portsByProcess({ processes }: ServingPlan): Record<string, number> {
  const others = processes.filter(({ kind }) => kind !== 'worker');
  const entries = others.flatMap(({ name, ports }) =>
    Object.entries(ports).map(([key, port]): [string, number] => [`${name} ${key}`, port]),
  );
  return Object.fromEntries(entries);
}

function countOf({ processes }: ServingPlan, component: string): string {
  return String(processes.filter((spec) => spec.component === component).length);
}

/** Values by flag; words before the first flag are the command. */
function flagsOf(argv: readonly string[]): Record<string, string> {
  const flags: Record<string, string> = {};
  let flag = 'command';
  for (const word of argv) {
    const [, name, value] = /^(--?[a-z][\w-]*)(?:=(.*))?$/is.exec(word) ?? [];
    if (name === undefined) flags[flag] = [flags[flag], word].filter(Boolean).join(' ');
    else {
      flag = name;
      flags[flag] = value ?? flags[flag] ?? '';
    }
  }
  return flags;
}

function mapDifferences(
  from: Readonly<Record<string, string>>,
  to: Readonly<Record<string, string>>,
): Found[] {
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return keys.flatMap((key) => differs(key, shown(from[key]), shown(to[key])));
}

/** A flag without a value is set. */
function shown(value: string | undefined): string {
  return value === undefined ? 'none' : value === '' ? 'set' : value;
}

function differs(what: string, from: string, to: string): Found[] {
  return from === to ? [] : [{ what, from, to }];
}

function changed(of: string, what: string, from: string, to: string): PlanDifference[] {
  return differs(what, from, to).map((each) => ({ of, ...each }));
}

function text(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
