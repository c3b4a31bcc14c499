/** `dynamo attach` to a deployment on a cluster: the logs and states of its pods. Ctrl-C leaves it running. */
import type { Environment } from '../../base/environment.ts';
import { systemClock } from '../../base/clock.ts';
import { DynamoError } from '../../base/error.ts';
import { withoutControls } from '../../base/terminal-text.ts';
import { readEvents, readGraph, readPods, seenOrThrow } from '../../kubernetes/cluster.ts';
import { createKubectl, type Kubectl } from '../../kubernetes/kubectl.ts';
import { followOutput } from '../../kubernetes/pod-output.ts';
import { podLine, podView } from '../../kubernetes/progress.ts';
import type { ClusterRun } from '../../kubernetes/records.ts';
import { logTextShower } from '../../view/log-lines.ts';
import { styleFor } from '../../view/style.ts';
import { pacedOutput, watchForInterruption } from '../reader.ts';

/** Earlier lines of each pod, for context. */
const shownLines = 10;

/** Returns 0 when a signal comes or the deployment is gone. Throws if the cluster cannot be asked at the start. */
export async function attachOnCluster(run: ClusterRun, environment: Environment): Promise<number> {
  const kubectl = createKubectl(run, environment);
  const doing = `${run.name} cannot be watched`;
  const graph = seenOrThrow(await readGraph(kubectl, run.apiVersion, run.graph), kubectl, doing);
  if (graph === undefined || graph.uid !== run.uid)
    throw new DynamoError('run-not-found', `${run.graph} is gone from the cluster.`, {
      fields: { deployment: run.graph },
      hint: 'dynamo ps',
    });
  const over = watchForInterruption();
  const style = styleFor(process.stdout, environment);
  const show = logTextShower(
    graph.components.map(({ name }) => name),
    style,
    true,
  );
  const output = pacedOutput(process.stdout);
  const print = (label: string, text: string): void => {
    output.write(show(label, text));
    void output.flush();
  };
  const shown = new Map<string, string>();
  const look = style.level > 0 ? 'coloured' : 'plain';
  try {
    await followOutput(kubectl, run.graph, { components: [], tail: shownLines, look }, print, {
      clock: systemClock,
      signal: over.signal,
      isOver: async () => {
        await showPods(kubectl, run, shown, over.signal).catch(() => {});
        const now = await readGraph(kubectl, run.apiVersion, run.graph, { signal: over.signal }).catch(
          () => undefined,
        );
        return now?.kind === 'seen' && now.value?.uid !== run.uid;
      },
    });
  } finally {
    over.end();
  }
  process.stderr.write(
    over.signal.aborted
      ? `\n${run.name} stays on the cluster. Delete it with: dynamo down ${run.name}\n`
      : `${run.name} is gone from the cluster\n`,
  );
  return 0;
}

/** Shows the state of each pod, and later its changes. Does nothing if the cluster does not answer. */
async function showPods(
  kubectl: Kubectl,
  { graph }: ClusterRun,
  shown: Map<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const [pods, events] = await Promise.all([
    readPods(kubectl, graph, { signal }),
    readEvents(kubectl, graph, { signal }),
  ]);
  if (pods.kind === 'problem') return;
  for (const pod of pods.value) {
    const line = podLine(podView(pod, events.kind === 'seen' ? events.value : []));
    if (shown.get(pod.name) !== line) process.stderr.write(`${withoutControls(line)}\n`);
    shown.set(pod.name, line);
  }
}
