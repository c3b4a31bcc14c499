/** What follows from a decision of NVIDIA's planner: carry it out, wait, refuse it, or let the planner forget it. Pure. */
import type { PlannerPlan } from '../plan/plan.ts';

/** What the planner decided last, as in etcd. */
export interface Wish {
  readonly decision: number;
  /** Of etcd: differs between two decisions, also when a planner that was restarted counts from 0 again. */
  readonly revision: number;
  /** Workers that it wants. Absent for a role that it does not scale. */
  readonly prefill?: number | undefined;
  readonly decode?: number | undefined;
  /** Whether this decision has been acknowledged. */
  readonly acknowledged: boolean;
}

/** What was seen at one moment. */
export interface PlannerView {
  readonly now: number;
  readonly wish: Wish | undefined;
  /** Workers in the plan, by component. */
  readonly replicas: Readonly<Record<string, number>>;
  /** Why nothing can be changed at the moment, such as a worker that starts. */
  readonly busy: string | undefined;
}

/** What is known from before. Start with `{}`. */
export interface PlannerMemory {
  /** The last wish that was met, by its revision. */
  readonly met?: number;
  /** The wish that waits, and why. */
  readonly refused?: Refusal;
  /** Wishes up to this revision are of a planner that has been restarted. */
  readonly forgotten?: number;
  /** When the last addition was done, and how long it took. */
  readonly lastUp?: { readonly doneAt: number; readonly tookMs: number };
  /** How often in a row the planner had to forget a wish. */
  readonly resets?: number;
  /** Since when the workers are not what the planner was told. */
  readonly apartSince?: number;
}

interface Refusal {
  readonly revision: number;
  readonly since: number;
  readonly triedAt: number;
  readonly why: string;
}

export type PlannerStep =
  | { readonly kind: 'wait' }
  /** `from`: the numbers until now. */
  | {
      readonly kind: 'carry-out';
      readonly wish: Wish;
      readonly replicas: Readonly<Record<string, number>>;
      readonly from: Readonly<Record<string, number>>;
      /** It was tried before. */
      readonly again: boolean;
    }
  /** The workers are already what it wants. */
  | { readonly kind: 'acknowledge'; readonly wish: Wish }
  | { readonly kind: 'refuse'; readonly wish: Wish; readonly wants: string; readonly why: string }
  /** Restart it: it waits for its wish as long as it remembers it. */
  | { readonly kind: 'reset'; readonly because: string };

/** What does not fit now, such as a GPU of another run, may fit soon. */
const retryMs = 15_000;
/** Upstream waits half an hour, and 1.4 for ever, and meanwhile removes no worker either. Doubles with each reset. */
const patienceMs = 60_000;
const longestPatienceMs = 600_000;
/** For `dynamo scale` of a person: the planner counts workers itself, and holds while they are not what it wished. */
const apartMs = 20_000;

export function nextStep(
  bounds: PlannerPlan,
  memory: PlannerMemory,
  view: PlannerView,
): { readonly memory: PlannerMemory; readonly step: PlannerStep } {
  const { wish, now } = view;
  const wait = { memory, step: { kind: 'wait' } } as const;
  if (wish === undefined || wish.revision <= (memory.forgotten ?? -1)) return wait;
  const wanted = wantedBy(wish, bounds);
  const different = Object.entries(wanted).filter(([name, count]) => view.replicas[name] !== count);
  const isMet = different.length === 0;
  if (wish.revision === memory.met && wish.acknowledged) return whileMet(memory, view, isMet);
  if (view.busy !== undefined) return wait;
  if (isMet) return { memory: memoryOfMet(memory, wish), step: { kind: 'acknowledge', wish } };
  const { refused } = memory;
  if (refused?.revision === wish.revision) {
    if (now - refused.since >= patience(memory)) return forget(memory, wish, refused.why);
    if (now - refused.triedAt < retryMs || outOfBounds(bounds, wanted) !== undefined) return wait;
  }
  const why = outOfBounds(bounds, wanted);
  if (why !== undefined) {
    const step = { kind: 'refuse', wish, wants: numbersText(Object.fromEntries(different)), why } as const;
    return { memory: withRefusal(memory, wish, { now, why }), step };
  }
  if (isTooSoon(memory, view, wanted)) return wait;
  const replicas = Object.fromEntries(different);
  const from = Object.fromEntries(different.map(([name]) => [name, view.replicas[name] ?? 0]));
  return {
    memory,
    step: { kind: 'carry-out', wish, replicas, from, again: refused?.revision === wish.revision },
  };
}

/** After it was carried out. */
export function afterSuccess(
  memory: PlannerMemory,
  wish: Wish,
  { now, tookMs, grew }: { readonly now: number; readonly tookMs: number; readonly grew: boolean },
): PlannerMemory {
  return { ...memoryOfMet(memory, wish), ...(grew ? { lastUp: { doneAt: now, tookMs } } : {}) };
}

/** After it could not be carried out; it is tried again. */
export function afterFailure(
  memory: PlannerMemory,
  wish: Wish,
  { now, why }: { readonly now: number; readonly why: string },
): PlannerMemory {
  return withRefusal(memory, wish, { now, why });
}

function withRefusal(
  memory: PlannerMemory,
  { revision }: Wish,
  { now, why }: { readonly now: number; readonly why: string },
): PlannerMemory {
  const since = memory.refused?.revision === revision ? memory.refused.since : now;
  return { ...memory, refused: { revision, since, triedAt: now, why } };
}

function memoryOfMet({ lastUp, forgotten }: PlannerMemory, { revision }: Wish): PlannerMemory {
  return {
    met: revision,
    ...(lastUp === undefined ? {} : { lastUp }),
    ...(forgotten === undefined ? {} : { forgotten }),
  };
}

function whileMet(
  memory: PlannerMemory,
  view: PlannerView,
  isMet: boolean,
): { readonly memory: PlannerMemory; readonly step: PlannerStep } {
  const { apartSince, ...rest } = memory;
  if (isMet || view.busy !== undefined || view.wish === undefined)
    return { memory: rest, step: { kind: 'wait' } };
  const since = apartSince ?? view.now;
  if (view.now - since < apartMs) return { memory: { ...rest, apartSince: since }, step: { kind: 'wait' } };
  return forget(rest, view.wish, 'someone else changed the number of workers');
}

function forget(
  memory: PlannerMemory,
  { revision }: Wish,
  because: string,
): { readonly memory: PlannerMemory; readonly step: PlannerStep } {
  const { refused: _, met: __, ...rest } = memory;
  return {
    memory: { ...rest, forgotten: revision, resets: (memory.resets ?? 0) + 1 },
    step: { kind: 'reset', because },
  };
}

function patience({ resets = 0 }: PlannerMemory): number {
  return Math.min(longestPatienceMs, patienceMs * 2 ** resets);
}

/** By component. */
function wantedBy(wish: Wish, { roles }: PlannerPlan): Record<string, number> {
  return Object.fromEntries(
    roles.flatMap(({ role, component }) => (wish[role] === undefined ? [] : [[component, wish[role]]])),
  );
}

/** Why a wish is not carried out whatever is free; `undefined` if it may be. */
function outOfBounds(
  { roles, gpuBudget }: PlannerPlan,
  wanted: Readonly<Record<string, number>>,
): string | undefined {
  for (const { component, min, max } of roles) {
    const count = wanted[component];
    if (count === undefined) continue;
    if (count > max) return `planner.replicas.${component}.max is ${max}`;
    if (count < min) return `planner.replicas.${component}.min is ${min}`;
  }
  const gpus = roles.reduce((sum, role) => sum + role.gpus * (wanted[role.component] ?? 0), 0);
  return gpus > gpuBudget ? `that is ${gpus} in all, and the limit is ${gpuBudget}` : undefined;
}

/** A worker that was added stays at least as long as it took to start. */
function isTooSoon(
  { lastUp }: PlannerMemory,
  { now, replicas }: PlannerView,
  wanted: Readonly<Record<string, number>>,
): boolean {
  const shrinks = Object.entries(wanted).some(([name, count]) => count < (replicas[name] ?? 0));
  return shrinks && lastUp !== undefined && now - lastUp.doneAt < lastUp.tookMs;
}

/** `prefill=1 decode=2`. */
export function numbersText(replicas: Readonly<Record<string, number>>): string {
  return Object.entries(replicas)
    .map(([name, count]) => `${name}=${count}`)
    .join(' ');
}

/** What the planner logged about its last decision, in its own words; `undefined` if nothing is there. Lines of 1.4.2. */
export function reasonIn(lines: readonly string[]): string | undefined {
  const decided = lines.findLastIndex((line) => /\[summary\] (?!HOLD)|Updated scaling decision/.test(line));
  const until = decided < 0 ? lines.length : decided + 1;
  const before = lines.slice(0, until - 1).findLastIndex((line) => line.includes('[summary]'));
  const said = lines.slice(before + 1, until).map(wordsOf);
  const verdicts = said.filter((words) => /threshold|above SLA|post-consolidation|clamped/i.test(words));
  // `Easy decode: …` after `Easy decode 6390223:dp0: util=0.073`, for each engine.
  const roles = verdicts.map((words) => words.split(':', 1)[0] ?? '');
  const figures = said
    .filter((words) => roles.some((role) => words.startsWith(`${role} `)))
    .map((words) => words.replace(/^[^:]*:dp\d+:\s/, ''));
  const reasons = [...new Set([...verdicts, ...figures])].slice(0, 4);
  return reasons.length === 0 ? undefined : reasons.join('; ');
}

/** Without the time, the level and the place in the source. */
function wordsOf(line: string): string {
  return line.replace(/^\S+\s+[A-Z]+\s+[\w.:]+:\s/, '').trim();
}
