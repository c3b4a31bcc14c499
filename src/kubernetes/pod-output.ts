/** The output of the pods of a deployment, while pods come and go. */
import { Buffer } from 'node:buffer';
import type { Clock } from '../base/clock.ts';
import { lineSplitter, type Look } from '../run/line-splitter.ts';
import { readPods } from './cluster.ts';
import type { Following, Kubectl } from './kubectl.ts';
import type { Pod } from './objects.ts';

export interface OutputOptions {
  /** Names of components; empty: all. */
  readonly components: readonly string[];
  /** Lines of each pod; absent: everything that its node has kept. */
  readonly tail?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined;
  readonly look: Look;
}

/** `label`: the component, followed by the pod if there are several. */
export type ShowOutput = (label: string, text: string) => void;

const readWithinMs = 60_000;
const lookEveryMs = 2_000;

/** Short names: `decode`, or `decode/x7k2p` if the component has several pods. */
export function podLabels(pods: readonly Pod[]): ReadonlyMap<string, string> {
  return new Map(
    pods.map(({ name, component }) => {
      const alone = pods.filter((each) => each.component === component).length === 1;
      const last = name.split('-').at(-1) ?? name;
      return [name, component === '' ? name : alone ? component : `${component}/${last}`];
    }),
  );
}

/** By the name of a component, or any name under which a pod is shown. Without names: all. */
export function chosenPods(pods: readonly Pod[], asked: readonly string[]): Pod[] {
  if (asked.length === 0) return [...pods];
  const labels = podLabels(pods);
  return pods.filter((pod) => namesOf(pod, labels).some((name) => asked.includes(name)));
}

/** `decode`, `disagg-decode-x7k2p`, `decode-x7k2p` as in `ps`, `decode/x7k2p` as in `logs`. */
export function namesOf(
  { name, component, graph }: Pod,
  labels: ReadonlyMap<string, string>,
): readonly string[] {
  const short = name.startsWith(`${graph}-`) ? name.slice(graph.length + 1) : name;
  return [component, name, short, labels.get(name) ?? name];
}

/** Shows what was written so far, pod after pod. Returns by label why a log could not be read. */
export async function readOutput(
  kubectl: Kubectl,
  pods: readonly Pod[],
  options: OutputOptions,
  show: ShowOutput,
): Promise<ReadonlyMap<string, string>> {
  const labels = podLabels(pods);
  const silent = new Map<string, string>();
  for (const pod of chosenPods(pods, options.components)) {
    const label = labels.get(pod.name) ?? pod.name;
    const answer = await kubectl.run(words(pod, options), { timeoutMs: readWithinMs });
    if (answer.code === 0) show(label, allLines(answer.stdout, options.look));
    else silent.set(label, answer.stderr.split('\n').at(-1) ?? '');
  }
  return silent;
}

function words(pod: Pod, { tail, since }: OutputOptions): string[] {
  return [
    'logs',
    pod.name,
    '-c',
    mainContainer(pod),
    ...(tail === undefined || tail === Infinity ? [] : [`--tail=${tail}`]),
    ...(since === undefined ? [] : [`--since-time=${new Date(since).toISOString()}`]),
  ];
}

function mainContainer({ containers }: Pod): string {
  return containers.some(({ name }) => name === 'main') || containers.length === 0
    ? 'main'
    : containers[0]!.name;
}

function allLines(text: string, look: Look): string {
  const lines = lineSplitter(look);
  const ended = lines.push(Buffer.from(text));
  const rest = lines.rest();
  return rest === undefined ? ended : `${ended}${rest}\n`;
}

/**
 * Follows pods as they come, go and restart, until `isOver` returns true or `signal` aborts. Rejects only with what
 * `isOver` throws.
 */
export async function followOutput(
  kubectl: Kubectl,
  graph: string,
  options: OutputOptions,
  show: ShowOutput,
  {
    clock,
    signal,
    isOver,
  }: { readonly clock: Clock; readonly signal: AbortSignal; readonly isOver: () => Promise<boolean> },
): Promise<void> {
  const sources = new Map<string, Following>();
  const endedAt = new Map<string, number>();
  try {
    while (!signal.aborted && !(await isOver())) {
      const seen = await readPods(kubectl, graph, { signal }).catch(() => undefined);
      const pods = seen?.kind === 'seen' ? seen.value : [];
      const labels = podLabels(pods);
      for (const pod of chosenPods(pods, options.components)) {
        const container = pod.containers.find(({ name }) => name === mainContainer(pod));
        const hasRun =
          container !== undefined &&
          (container.now.kind === 'running' || container.now.kind === 'terminated');
        if (!hasRun || sources.has(pod.name)) continue;
        const from = endedAt.get(pod.name);
        // After a restart everything is new.
        const asked = from === undefined ? options : { ...options, tail: undefined, since: from };
        const label = labels.get(pod.name) ?? pod.name;
        const following = followOne(kubectl, [...words(pod, asked), '-f'], options.look, (text) =>
          show(label, text),
        );
        sources.set(pod.name, following);
        void following.ended.finally(() => {
          sources.delete(pod.name);
          endedAt.set(pod.name, clock.now());
        });
      }
      await clock.sleep(lookEveryMs, signal).catch(() => {});
    }
  } finally {
    await Promise.all([...sources.values()].map(async (following) => await following.end()));
  }
}

/** Passes on whole lines; the rest of the last one when it ends. */
function followOne(
  kubectl: Kubectl,
  asked: readonly string[],
  look: Look,
  onText: (text: string) => void,
): Following {
  const lines = lineSplitter(look);
  const following = kubectl.follow(asked, (text) => {
    const ended = lines.push(Buffer.from(text));
    if (ended !== '') onText(ended);
  });
  void following.ended.finally(() => {
    const rest = lines.rest();
    if (rest !== undefined) onText(`${rest}\n`);
  });
  return following;
}
