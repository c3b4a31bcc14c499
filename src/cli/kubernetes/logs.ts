/** `dynamo logs` of a deployment on a cluster: what its pods wrote, by component. */
import type { Environment } from '../../base/environment.ts';
import { linesOf, textOf } from '../../base/logs.ts';
import { systemClock } from '../../base/clock.ts';
import { DynamoError } from '../../base/error.ts';
import { readGraph, readPods, seenOrThrow } from '../../kubernetes/cluster.ts';
import { createKubectl } from '../../kubernetes/kubectl.ts';
import { chosenPods, followOutput, podLabels, readOutput } from '../../kubernetes/pod-output.ts';
import type { ClusterRun } from '../../kubernetes/records.ts';
import { logTextShower } from '../../view/log-lines.ts';
import { styleFor } from '../../view/style.ts';
import { pacedOutput } from '../reader.ts';
import { watchForInterruption } from '../reader.ts';
import { requireNames } from './names.ts';
import { signalExitCode } from '../signals.ts';

export interface OutputFlags {
  readonly follow?: true;
  readonly tail?: number;
  readonly since?: number;
  readonly grep?: RegExp;
  readonly raw?: true;
}

/** `components`: empty for all. Throws `usage` for unknown names. */
export async function logsOnCluster(
  run: ClusterRun,
  components: readonly string[],
  flags: OutputFlags,
  environment: Environment,
): Promise<number> {
  const kubectl = createKubectl(run, environment);
  const doing = `The logs of ${run.name} cannot be read`;
  const [graph, seenPods] = await Promise.all([
    readGraph(kubectl, run.apiVersion, run.graph),
    readPods(kubectl, run.graph),
  ]);
  const found = seenOrThrow(graph, kubectl, doing);
  const pods = seenOrThrow(seenPods, kubectl, doing);
  if (found === undefined) {
    throw new DynamoError('run-not-found', `${run.graph} is gone from the cluster, and so are its logs.`, {
      fields: { deployment: run.graph },
      hint: 'dynamo ps',
    });
  }
  requireNames(found, pods, components, `dynamo logs ${run.name}`);
  const shown = chosenPods(pods, components);
  const labels = podLabels(pods);
  const style = styleFor(process.stdout, environment);
  const names =
    shown.length === 0
      ? found.components.map(({ name }) => name)
      : shown.map(({ name }) => labels.get(name) ?? name);
  const show = logTextShower(names, style, components.length !== 1 || shown.length > 1);
  const output = pacedOutput(process.stdout);
  const print = (label: string, text: string): void => {
    const { grep } = flags;
    const chosen = grep === undefined ? text : textOf(linesOf(text).filter((line) => grep.test(line)));
    output.write(flags.raw === true ? chosen : show(label, chosen));
    if (flags.follow === true) void output.flush();
  };
  const look = flags.raw === true ? 'raw' : style.level > 0 ? 'coloured' : 'plain';
  const options = { components, tail: flags.tail, since: flags.since, look } as const;
  if (flags.follow !== true) {
    const silent = await readOutput(kubectl, pods, options, print);
    await output.flush();
    if (pods.length === 0) process.stderr.write(`${run.graph} has no pods yet: dynamo wait ${run.name}\n`);
    for (const [label, why] of silent) process.stderr.write(`no log of ${label}: ${why}\n`);
    return 0;
  }
  const over = watchForInterruption();
  try {
    const isOver = async (): Promise<boolean> => {
      const now = await readGraph(kubectl, run.apiVersion, run.graph, { signal: over.signal }).catch(
        () => undefined,
      );
      return now?.kind === 'seen' && now.value?.uid !== run.uid;
    };
    await followOutput(kubectl, run.graph, options, print, {
      clock: systemClock,
      signal: over.signal,
      isOver,
    });
  } finally {
    over.end();
  }
  const signal = over.first();
  return signal === undefined ? 0 : signalExitCode(signal);
}
