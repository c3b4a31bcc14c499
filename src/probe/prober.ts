/** Checks processes and the frontend until they are ready, and remembers what it saw last. */
import type { Clock } from '../base/clock.ts';
import { DynamoError, type KnownInstances } from '../base/error.ts';
import { messageOf } from '../base/error-code.ts';
import { sumOfSeries } from '../base/metrics-text.ts';
import type { ExpectedInstances, Probe, ServingPlan } from '../plan/plan.ts';
import type { Prober, Proving, Sight } from '../supervisor/contracts.ts';
import { instancesText } from '../supervisor/failure.ts';
import { exchange, type HttpAnswer } from './http.ts';
import { keptGets } from './kept-get.ts';
import { get } from './plain-get.ts';
import { type Attempt, poll } from './poll.ts';
import { proveServing } from './serving.ts';

const startTimeoutMs = 2_000;
/** A probe takes 0.3 ms of processor time: however many processes start, asking them takes a third of one core at most. */
const pauseEachMs = 1;
/** Nothing listens that soon after its start; meanwhile, the processes that start with it are started. */
const firstPauseMs = 10;

/** Given ports and the session that should listen on each: the ports on which another process listens, with its name. */
export type ForeignListeners = (owners: ReadonlyMap<number, number>) => ReadonlyMap<number, string>;

export interface Probes {
  readonly prober: Prober;
  readonly proving: Proving;
  /** Call this when the process with this probe is no longer ready: a connection kept to it must not delay its end. */
  readonly release: (probe: Probe) => void;
}

/** Both share what was seen last. */
export function createProbes(clock: Clock, foreignListeners: ForeignListeners): Probes {
  const kept = keptGets();
  const askAgain = async (url: string, timeoutMs: number): Promise<HttpAnswer> =>
    (await kept.get(url, timeoutMs)) ?? (await exchange(url, { timeoutMs }));
  let waiting = 0;
  let last: Sight | undefined;
  const seenAt = new Map<string, Sight>();
  const saw = (what: Sight): void => void (last = what);
  const sawAt =
    (url: string) =>
    (what: Sight): void => {
      const here = { ...what, text: `${url}: ${what.text}` };
      saw(here);
      seenAt.set(url, here);
    };
  const prober: Prober = {
    lastSeen: (probe) => (probe === undefined ? last : seenAt.get(probe.url)),
    ready: async (probe, signal, soon) => {
      waiting++;
      try {
        await clock.sleep(firstPauseMs, signal).catch(() => signal.throwIfAborted());
        const leastPauseMs = (): number => waiting * pauseEachMs;
        await poll(probeOnce(probe), { clock, signal, saw: sawAt(probe.url), leastPauseMs, soon });
      } finally {
        waiting--;
      }
    },
    check: async (probe, checkTimeoutMs) => {
      try {
        const answer = await askAgain(probe.url, checkTimeoutMs);
        return isReady(probe, answer) ? undefined : unreadyText(probe, answer);
      } catch (error) {
        return messageOf(error);
      }
    },
    missing: async (plan, checkTimeoutMs) => {
      try {
        const answer = await askAgain(`${plan.http.url}/health`, checkTimeoutMs);
        const instances = instancesIn(answer.body);
        return plan.expected.filter((one) => missingInstances([one], instances).length > 0);
      } catch {
        return [];
      }
    },
  };
  const proving: Proving = {
    listenersAreOurs: async (plan, pidOf) => {
      // Docker does not start a container whose port is in use.
      const here = plan.processes.filter(({ container }) => container === undefined);
      const owners = here.map(({ name, probe }): [number, number] => [
        Number(new URL(probe.url).port),
        pidOf(name) ?? 0,
      ]);
      for (const [port, holder] of foreignListeners(new Map(owners))) {
        throw new DynamoError(
          'busy',
          `Port ${port} is planned for this run, but ${holder} is listening on it.`,
          {
            hint: 'stop it, or start again: other ports will be chosen',
            fields: { port, holder },
          },
        );
      }
    },
    instances: (plan, expected, signal) =>
      poll(
        async () => {
          const answer = await exchange(`${plan.http.url}/health`, { timeoutMs: startTimeoutMs, signal });
          if (answer.status !== 200) return { seen: `frontend /health answers ${answer.status}` };
          const instances = instancesIn(answer.body);
          const missing = missingInstances(expected, instances);
          if (missing.length === 0) return { done: undefined };
          const unexpected = unexpectedInstances(expected, instances);
          const others = unexpected.length === 0 ? '' : `; it knows instead: ${unexpected.join(', ')}`;
          return {
            seen: `workers that the frontend knows: ${instancesText(missing)}${others}`,
            fields: { missing, unexpected },
          };
        },
        { clock, signal, saw },
      ),
    modelListed: (plan, signal) => poll(listed(plan), { clock, signal, saw }),
    serves: (plan, signal) => proveServing(plan, { clock, signal, saw }),
  };
  return { prober, proving, release: ({ url }) => kept.release(url) };
}

function probeOnce(probe: Probe): Attempt<undefined> {
  return async (signal) => {
    const answer = await get(probe.url, startTimeoutMs, signal);
    const ready = isReady(probe, answer);
    return ready ? { done: undefined } : { seen: unreadyText(probe, answer) };
  };
}

function unreadyText(probe: Probe, { status, body }: HttpAnswer): string {
  if (probe.kind === 'metric' && status === 200) return `no ${probe.metric} yet`;
  return `HTTP ${status} ${body.slice(0, 160)}`;
}

function isReady(probe: Probe, answer: HttpAnswer): boolean {
  switch (probe.kind) {
    case 'http':
      return answer.status === 200;
    case 'endpoint':
      return endpointReady(answer, probe.endpoint);
    case 'metric':
      return sumOfSeries(answer.body, probe.metric) > 0;
  }
}

/** Uses the body, not the status: an encode worker always answers 503 while it serves. */
function endpointReady({ body }: HttpAnswer, endpoint: string): boolean {
  const status: unknown = JSON.parse(body);
  if (typeof status !== 'object' || status === null || !('endpoints' in status)) return false;
  const { endpoints } = status as { endpoints?: Record<string, unknown> };
  return endpoints?.[endpoint] === 'ready';
}

function listed(plan: ServingPlan): Attempt<undefined> {
  return async (signal) => {
    const { status, body } = await exchange(`${plan.http.url}/v1/models`, {
      timeoutMs: startTimeoutMs,
      signal,
    });
    const names = status === 200 ? modelNames(body) : [];
    if (names.includes(plan.model.servedName)) return { done: undefined };
    return { seen: `models listed: ${names.join(', ') || 'none'}; expected: ${plan.model.servedName}` };
  };
}

function modelNames(body: string): string[] {
  const { data } = JSON.parse(body) as { data?: { id?: unknown }[] };
  return (data ?? []).flatMap(({ id }) => (typeof id === 'string' ? [id] : []));
}

interface Instance {
  readonly namespace: string;
  readonly component: string;
  readonly endpoint: string;
}

/**
 * The workers that the frontend knows, from the body of its /health. Ids exceed 2^53, which JSON.parse rounds, so they are not
 * read.
 *
 * Source: docs/upstream/status-and-health.md#instances.
 */
export function instancesIn(healthBody: string): Instance[] {
  const body: unknown = JSON.parse(healthBody);
  if (typeof body !== 'object' || body === null || !('instances' in body) || !Array.isArray(body.instances))
    return [];
  return body.instances.filter(isInstance);
}

/** Components of which the frontend knows fewer instances than expected. */
export function missingInstances(
  expected: readonly ExpectedInstances[],
  instances: readonly Instance[],
): KnownInstances[] {
  return expected.flatMap((one) => {
    const place = nameOf(one);
    const known = instances.filter((each) => nameOf(each) === place).length;
    return known >= one.count ? [] : [{ place, known, planned: one.count }];
  });
}

/**
 * Workers that registered in unexpected places, which nothing else reports.
 *
 * Source: docs/upstream/status-and-health.md#instances.
 */
export function unexpectedInstances(
  expected: readonly ExpectedInstances[],
  instances: readonly Instance[],
): string[] {
  const planned = new Set(expected.map(nameOf));
  const endpoints = new Set(expected.map(({ endpoint }) => endpoint));
  const names = instances.filter(({ endpoint }) => endpoints.has(endpoint)).map(nameOf);
  return [...new Set(names.filter((name) => !planned.has(name)))];
}

function nameOf({ namespace, component, endpoint }: Instance): string {
  return `${namespace}.${component}.${endpoint}`;
}

function isInstance(value: unknown): value is Instance {
  return (
    typeof value === 'object' &&
    value !== null &&
    'namespace' in value &&
    'component' in value &&
    'endpoint' in value
  );
}
