/** Proves that a deployment serves: sends one real request to the frontend, checks the answer, and counts requests per role. */
import { timeLimit } from '../base/clock.ts';
import { DynamoError, type ErrorFields } from '../base/error.ts';
import { isServing, type Plan, type Provable } from '../plan/plan.ts';
import { statusUrl } from '../plan/ports.ts';
import { judge, proofRequest } from '../plan/proof.ts';
import type { Proof } from '../supervisor/events.ts';
import { generateRequests, servedRoles } from '../base/metrics-text.ts';
import { exchange } from './http.ts';
import { type Asking, type Attempt, poll } from './poll.ts';

/**
 * First requests compile kernels: real workers took 13 s, videos minutes.
 * Source: docs/upstream/memory-and-gpus.md#first-requests.
 */
const requestTimeoutMs = 600_000;
/** The frontend may still answer 404 or 503 for a moment after the model is listed. */
const settleMs = 10_000;
/**
 * In a 500: the frontend could not pass the request to a worker, which also happens briefly. Seen once in 60 starts of the 1.4.2
 * frontend with mockers, 60 ms after the last was ready. A worker that fails on a request reports something else.
 */
const notHandedOn = 'Failed to generate completions';
/**
 * A frontend that has only just discovered its prefill workers silently uses decode workers for everything. Seen with the
 * frontend of 1.1.1: so the request is repeated until all roles are used, at this interval and for this long.
 */
const rolesPeriodMs = 1_000;
const rolesSettleMs = 30_000;

export async function proveServing(plan: Plan, asking: Asking): Promise<Proof> {
  return isServing(plan) ? await proveAnswers(plan, asking) : await proveHealth(plan, asking);
}

/** The same on any target: `plan.http.url` and the ports of its workers lead there from here. */
export async function proveAnswers(plan: Provable, asking: Asking): Promise<Proof> {
  const before = await counts(plan, asking.signal);
  const begin = asking.clock.now();
  const request = proofRequest(plan.proof, plan.model.servedName);
  const attempt: Attempt<string> = async (signal) => {
    const { status, body } = await exchange(plan.http.url + request.path, {
      body: request.body,
      timeoutMs: requestTimeoutMs,
      signal,
    });
    const seen = `HTTP ${status} from ${request.path}: ${body.slice(0, 300)}`;
    if (status === 200) {
      const verdict = judge(plan.proof.request, body);
      if ('answer' in verdict) return { done: verdict.answer };
      const { wrong, completionTokens } = verdict;
      throw wrongAnswer(plan, wrong, completionTokens === undefined ? {} : { completionTokens });
    }
    const isTemporary = status === 404 || status === 503 || (status === 500 && body.includes(notHandedOn));
    if (!isTemporary || asking.clock.now() - begin >= settleMs) throw wrongAnswer(plan, seen);
    return { seen };
  };
  const answer = await poll(attempt, asking);
  const tookMs = asking.clock.now() - begin;
  const usedRoles = [
    ...(await rolesUsed(plan, before, asking, async () => await poll(attempt, asking))),
    ...(await rolesElsewhere(plan, asking.signal)),
  ];
  // Most deployments have no KV router.
  const routing = plan.provesReuse === true ? await import('./routing.ts') : undefined;
  const reuse = await routing?.proveReuse(plan, asking);
  return {
    request: `POST ${request.path}`,
    answer,
    tookMs,
    usedRoles,
    ...(reuse === undefined ? {} : { reuse }),
  };
}

/** Without a frontend there is no model to ask: the health endpoints of the processes are the proof. */
async function proveHealth(plan: Plan, { clock, signal }: Asking): Promise<Proof> {
  const begin = clock.now();
  const answers = plan.processes.map(async ({ name, probe }) => {
    const { body } = await exchange(probe.url, { timeoutMs: 5_000, signal });
    return plan.engine === 'none' ? `${name} ${body.trim()}` : `${name} ready`;
  });
  const answer = (await Promise.all(answers)).join(', ');
  return { request: 'GET health', answer, tookMs: clock.now() - begin, usedRoles: [] };
}

type Counts = ReadonlyMap<string, number>;

/** With several roles, a request that skipped one is answered as well: only the counters show it. */
function countedWorkers(plan: Provable): Provable['processes'] {
  // Only rank 0 of a worker counts requests.
  const workers = plan.processes.filter(({ kind, rank }) => kind === 'worker' && (rank?.rank ?? 0) === 0);
  const modes = [...workers, ...(plan.share?.elsewhere ?? [])].flatMap(({ mode }) => mode ?? []);
  return new Set(modes).size > 1 ? workers : [];
}

async function counts(plan: Provable, signal: AbortSignal): Promise<Counts> {
  const entries = countedWorkers(plan).map(async ({ name, ports }): Promise<[string, number]> => {
    const { body } = await exchange(`${statusUrl(plan, ports.system)}/metrics`, { timeoutMs: 5_000, signal });
    return [name, generateRequests(body)];
  });
  return new Map(await Promise.all(entries));
}

async function rolesUsed(
  plan: Provable,
  before: Counts,
  asking: Asking,
  askAgain: () => Promise<unknown>,
): Promise<string[]> {
  const workers = countedWorkers(plan);
  if (workers.length === 0) return [];
  const limit = timeLimit(rolesSettleMs, asking.clock, asking.signal);
  let askedAt = asking.clock.now();
  const roles = [...new Set(workers.flatMap(({ mode }) => mode ?? []))];
  const attempt: Attempt<string[]> = async (signal) => {
    const after = await counts(plan, signal);
    const rose = workers.filter(({ name }) => (after.get(name) ?? 0) > (before.get(name) ?? 0));
    const unused = roles.filter((role) => !rose.some(({ mode }) => mode === role));
    if (unused.length === 0) return { done: roles };
    if (asking.clock.now() - askedAt >= rolesPeriodMs) {
      await askAgain();
      askedAt = asking.clock.now();
    }
    return { seen: `no request counted on ${unused.join(' and ')}` };
  };
  try {
    return await poll(attempt, { ...asking, signal: limit.signal });
  } catch (error) {
    if (!limit.isOver()) throw error;
    throw wrongAnswer(plan, `the request was answered, but not by all roles (${roles.join(', ')})`);
  } finally {
    limit.clear();
  }
}

/**
 * Roles of workers on other hosts that took part, as the frontend counts them: their own counters cannot be reached from
 * here. The frontend of sim reports none. Throws `not-ready` when a role took no part.
 */
async function rolesElsewhere(plan: Provable, signal: AbortSignal): Promise<string[]> {
  const elsewhere = plan.share?.elsewhere.flatMap(({ mode }) => mode ?? []) ?? [];
  const roles = [...new Set(elsewhere)].filter((mode) => mode === 'prefill' || mode === 'decode');
  if (roles.length === 0) return [];
  const { body } = await exchange(`${plan.http.url}/metrics`, { timeoutMs: 5_000, signal });
  const served = servedRoles(body);
  if (served.size === 0) return [];
  // A decode worker also does the prefill if it finds no prefill worker.
  if (roles.includes('prefill') && !served.has('prefill')) {
    throw wrongAnswer(plan, 'the request was answered, but by no prefill worker');
  }
  return roles.filter((role) => served.has(role)).map((role) => `${role} on another host`);
}

function wrongAnswer(plan: Provable, what: string, fields: ErrorFields<'not-ready'> = {}): DynamoError {
  return new DynamoError('not-ready', `The deployment is up but does not serve: ${what}`, {
    hint: `dynamo logs --run ${plan.runId}`,
    fields: { runId: plan.runId, ...fields },
  });
}
