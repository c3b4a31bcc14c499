/** Waits until a deployment on a cluster is ready, and reports the state of each pod and what holds it up. */
import type { Clock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import { durationText } from '../base/duration.ts';
import { readEvents, readGraph, readPods } from './cluster.ts';
import { diagnoseGraph, type Look } from './diagnosis.ts';
import type { ClusterDiagnosis } from './rule-table.ts';
import { type Kubectl, placeOf } from './kubectl.ts';
import { componentsText, graphState, podLine, type PodView, podView } from './progress.ts';
import { type Problem, problemError } from './problem.ts';
import type { ApiVersion } from './target.ts';

export interface Followed {
  readonly kubectl: Kubectl;
  readonly version: ApiVersion;
  /** Of the DynamoGraphDeployment. */
  readonly name: string;
  readonly uid: string;
  /** As the workers are told. */
  readonly model: string;
}

/** What is reported meanwhile. */
export interface Watcher {
  /** The state of a pod has changed, or what holds it up. */
  readonly onPod: (line: string, view: PodView) => void;
  /** The state of the whole deployment, in the operator's words. */
  readonly onState: (text: string) => void;
  /** A rule has found a cause; waiting continues. */
  readonly onFinding: (finding: ClusterDiagnosis) => void;
  readonly onNote: (text: string) => void;
}

const youngPeriodMs = 1_000;
const periodMs = 2_000;
const youngMs = 30_000;
/** How long the cluster may be unreachable, for example during an upgrade of its control plane. */
const silenceMs = 120_000;
/** How long `failed` may last: the operator retries. */
const failedMs = 30_000;
const diagnoseEveryMs = 5_000;

export interface Limits {
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** An additional condition. */
  readonly holds?: (look: Look) => boolean;
}

/** Throws `not-ready` on timeout, `process-failed` if it cannot become ready, and the reason of `signal`. */
export async function untilReady(
  followed: Followed,
  { onPod, onState, onFinding, onNote }: Watcher,
  { timeoutMs, clock, signal, holds = () => true }: Limits,
): Promise<Look> {
  const { kubectl, name, model } = followed;
  const begin = clock.now();
  const shown = new Map<string, string>();
  let [shownState, failedSince, diagnosedAt] = ['', undefined as number | undefined, 0];
  let silentSince: number | undefined;
  let finding: ClusterDiagnosis | undefined;
  let last: Look | undefined;
  for (;;) {
    signal.throwIfAborted();
    const seen = await look(followed, signal);
    if ('problem' in seen) {
      const error = problemError(seen.problem, kubectl, `${name} cannot be watched`);
      if (!mayPass(seen.problem)) throw error;
      if (silentSince === undefined) onNote(`${error.message} Retrying for ${durationText(silenceMs)}.`);
      silentSince ??= clock.now();
      if (clock.now() - silentSince >= silenceMs) throw error;
    } else {
      if (silentSince !== undefined) onNote('the cluster answers again');
      silentSince = undefined;
      last = seen;
      const state = graphState(seen.graph);
      const views = seen.pods.map((pod) => podView(pod, seen.events));
      for (const view of views) {
        const line = podLine(view);
        if (shown.get(view.pod) !== line) onPod(line, view);
        shown.set(view.pod, line);
      }
      const text = `${componentsText(seen.graph, views)} ready${state.kind === 'ready' || state.text === '' ? '' : ` (${state.text})`}`;
      if (text !== shownState) onState(text);
      shownState = text;
      if (state.kind === 'ready' && holds(seen)) return seen;
      failedSince = state.kind === 'failed' ? (failedSince ?? clock.now()) : undefined;
      const stuck = views.some(
        ({ stage }) => stage === 'failing' || stage === 'pending' || stage === 'ended',
      );
      const quiet = views.length === 0 || views.some(({ holdup, restarts }) => holdup !== '' || restarts > 0);
      const suspect = stuck || quiet || failedSince !== undefined || !state.isObserved;
      if (suspect && clock.now() - diagnosedAt >= diagnoseEveryMs) {
        diagnosedAt = clock.now();
        const found = await diagnoseGraph(kubectl, seen, model, signal);
        if (found?.final === true) throw failedError(followed, found);
        if (found !== undefined && found.cause !== finding?.cause) onFinding(found);
        finding = found;
      } else if (!suspect) finding = undefined;
      if (failedSince !== undefined && clock.now() - failedSince >= failedMs)
        throw finding === undefined ? stateError(followed, state.text) : failedError(followed, finding);
    }
    if (clock.now() - begin >= timeoutMs) throw timeUp(followed, timeoutMs, last, finding);
    await clock.sleep(clock.now() - begin < youngMs ? youngPeriodMs : periodMs, signal);
  }
}

/** Throws `process-failed` if the deployment was deleted or replaced. */
async function look(
  { kubectl, version, name, uid }: Followed,
  signal: AbortSignal,
): Promise<Look | { readonly problem: Problem }> {
  const [graph, pods, events] = await Promise.all([
    readGraph(kubectl, version, name, { signal }),
    readPods(kubectl, name, { signal }),
    readEvents(kubectl, name, { signal }),
  ]);
  if (graph.kind === 'problem') return graph;
  if (graph.value === undefined || graph.value.uid !== uid || graph.value.deleting) {
    throw new DynamoError('process-failed', `${name} was deleted on the cluster while it was coming up.`, {
      fields: { deployment: name, ...placeOf(kubectl) },
      hint: kubectl.line('get', 'dynamographdeployments'),
    });
  }
  if (pods.kind === 'problem') return pods;
  // Without permission to read events, only explanations are missing.
  return { graph: graph.value, pods: pods.value, events: events.kind === 'seen' ? events.value : [] };
}

function mayPass({ kind }: Problem): boolean {
  return kind === 'unreachable' || kind === 'operator-down' || kind === 'other';
}

export function failedError({ name }: Pick<Followed, 'name'>, found: ClusterDiagnosis): DynamoError {
  return new DynamoError('process-failed', `${name} cannot come up: ${found.cause}.`, {
    fields: { deployment: name, rule: found.rule },
    details: [...found.evidence.map((line) => `  ${line}`), `rule: ${found.rule}`],
    hint: found.fix,
  });
}

function stateError({ kubectl, name }: Followed, text: string): DynamoError {
  return new DynamoError('process-failed', `${name} cannot come up: ${text}.`, {
    fields: { deployment: name, ...placeOf(kubectl) },
    hint: kubectl.line('describe', 'dynamographdeployment', name),
  });
}

function timeUp(
  { kubectl, name }: Followed,
  timeoutMs: number,
  last: Look | undefined,
  finding: ClusterDiagnosis | undefined,
): DynamoError {
  const views = last?.pods.map((pod) => podView(pod, last.events)) ?? [];
  const waiting = views.filter(({ stage }) => stage !== 'ready').map((view) => `  ${podLine(view)}`);
  const about =
    finding === undefined ? waiting : [...finding.evidence.map((line) => `  ${line}`), ...waiting];
  return new DynamoError(
    'not-ready',
    `${name} was not ready within ${durationText(timeoutMs)}${finding === undefined ? '' : `: ${finding.cause}`}.`,
    {
      fields: { deployment: name, timeoutMs, rule: finding?.rule },
      details: about,
      hint: finding?.fix ?? kubectl.line('describe', 'dynamographdeployment', name),
    },
  );
}
