/** Reads from metrics and logs whether workers do what they are asked for, and sends one a request to find out. */
import { statSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import type { ProcessSpec, ServingPlan } from '../plan/plan.ts';
import { statusUrl } from '../plan/ports.ts';
import { proofRequest } from '../plan/proof.ts';
import type { Asked, WorkProber, WorkSigns } from '../supervisor/contracts.ts';
import { loadStep } from '../supervisor/log-steps.ts';
import { exchange } from './http.ts';
import { get } from './plain-get.ts';
import { expectedMs, frontendInFlight, readWork, type WorkPage } from './work-page.ts';

/** A page of 1.6.1 has 120 kB, and a frontend writes it in 2 ms. */
const pageWithinMs = 2_000;
const lookEveryMs = 500;

/** What engines write while they compile kernels or capture graphs, for a shape that is new to them. Seen with SGLang 0.5. */
const compiling =
  /\b(?:compil(?:e|es|ing|ation)|autotun\w*|JIT|warm(?:ing)?[ -]?up|torch\.compile|inductor|nvcc|ninja)\b|cuda graph|deep_?gemm/i;

/** Lines of a log from a byte on, at most so many bytes of its end. */
export type LinesSince = (file: string, from: number, longest: number) => readonly string[];

/** More of a log is not needed to see that its process compiles. */
const mostLogBytes = 65_536;

export function createWorkProber(plan: ServingPlan, clock: Clock, linesSince: LinesSince): WorkProber {
  /** Where the log of each process ended when it last showed work. */
  const marks = new Map<string, { readonly work: string; readonly size: number }>();
  let workers: readonly ProcessSpec[] = plan.processes.filter(({ kind }) => kind === 'worker');
  const pageOf = async (spec: ProcessSpec): Promise<WorkPage | undefined> => {
    const text = await metricsAt(statusUrl(plan, spec.ports.system));
    return text === undefined ? undefined : readWork(text, spec);
  };
  return {
    signs: async (specs) => {
      workers = specs;
      const frontend = await metricsAt(plan.http.url);
      if (frontend !== undefined && frontendInFlight(frontend) === 0) return undefined;
      const expected = frontend === undefined ? undefined : expectedMs(frontend);
      const read = specs.map(async (spec): Promise<[string, WorkSigns] | undefined> => {
        const page = await pageOf(spec);
        if (page === undefined) return undefined;
        if (page.inFlight === 0 || marks.get(spec.name)?.work !== page.work)
          marks.set(spec.name, { work: page.work, size: sizeOf(spec.logFile) });
        return [spec.name, { ...page, ...(expected === undefined ? {} : { expectedMs: expected }) }];
      });
      return new Map((await Promise.all(read)).filter((each) => each !== undefined));
    },
    compiles: ({ name, logFile }) => {
      return linesSince(logFile, marks.get(name)?.size ?? 0, mostLogBytes).some(
        (line) => compiling.test(line) || loadStep(line) !== undefined,
      );
    },
    ask: async (spec, timeoutMs, signal) => {
      const before = await pageOf(spec);
      if (before === undefined) return { found: 'not-reached', seen: 'its metrics do not answer' };
      const headers = await headersFor(spec, before, workers, pageOf);
      return await askWorker({ plan, clock, spec, headers, before, pageOf }, timeoutMs, signal);
    },
  };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

interface Question {
  readonly plan: ServingPlan;
  readonly clock: Clock;
  readonly spec: ProcessSpec;
  readonly headers: Readonly<Record<string, string>>;
  /** What its page said before any request of ours. */
  readonly before: WorkPage;
  readonly pageOf: (spec: ProcessSpec) => Promise<WorkPage | undefined>;
}

/**
 * What sends a request to this worker. For a decode worker also to a prefill worker, which 1.6.1 demands: the one with
 * the fewest requests. Source: docs/upstream/frontend.md#one-worker.
 */
async function headersFor(
  { mode }: ProcessSpec,
  { workerId }: WorkPage,
  workers: readonly ProcessSpec[],
  pageOf: Question['pageOf'],
): Promise<Record<string, string>> {
  if (workerId === undefined) return {};
  if (mode === 'prefill') return { 'x-prefill-instance-id': workerId };
  const prefills = mode === 'decode' ? workers.filter((each) => each.mode === 'prefill') : [];
  const pages = (await Promise.all(prefills.map(pageOf))).filter((page) => page !== undefined);
  const first = pages.toSorted((a, b) => a.inFlight - b.inFlight)[0]?.workerId;
  return {
    'x-worker-instance-id': workerId,
    ...(first === undefined ? {} : { 'x-prefill-instance-id': first }),
  };
}

/**
 * Sends requests, one after the other, until one has reached the worker. A frontend that does not route by the headers
 * spreads them over its workers. Source: docs/upstream/frontend.md#one-worker.
 */
async function askWorker(question: Question, timeoutMs: number, stop: AbortSignal): Promise<Asked> {
  const { clock, spec, before, pageOf } = question;
  const begin = clock.now();
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, stop]);
  let seen = 'no answer';
  const sending = (async (): Promise<void> => {
    // If the frontend refuses the headers, every other request goes without them.
    for (let sent = 0; !signal.aborted; sent++) {
      // It ends with the verdict: a worker may count an answer for a request that was cancelled.
      seen = await send(question, sent % 2 === 0, timeoutMs + pageWithinMs, signal);
      await clock.sleep(lookEveryMs, signal).catch(() => {});
    }
  })();
  let reachedAt: number | undefined;
  try {
    while (!stop.aborted && clock.now() - begin < timeoutMs) {
      await clock.sleep(lookEveryMs, signal).catch(() => {});
      const page = await pageOf(spec);
      if (page === undefined) continue;
      // Less than before: it was restarted.
      if (page.work !== before.work || page.received < before.received) return { found: 'works' };
      if (page.received > before.received) reachedAt ??= clock.now();
    }
  } finally {
    over.abort();
    await sending;
  }
  if (reachedAt === undefined) return { found: 'not-reached', seen };
  return { found: 'silent', ms: clock.now() - begin };
}

/** Returns what came of it, in words. Never rejects. */
async function send(
  { plan, headers }: Question,
  routed: boolean,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string> {
  const request = proofRequest({ ...plan.proof, maxTokens: 1 }, plan.model.servedName);
  try {
    const { status, body } = await exchange(plan.http.url + request.path, {
      body: request.body,
      headers: routed ? headers : {},
      timeoutMs,
      signal,
    });
    if (status === 200) return 'the frontend sent it to another worker';
    return `HTTP ${status} from ${request.path}: ${body.slice(0, 160)}`;
  } catch (error) {
    return messageOf(error);
  }
}

/** `undefined` if it does not answer. */
async function metricsAt(url: string): Promise<string | undefined> {
  try {
    const answer = await get(`${url}/metrics`, pageWithinMs);
    return answer.status === 200 ? answer.body : undefined;
  } catch {
    return undefined;
  }
}
