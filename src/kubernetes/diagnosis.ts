/** Gathers what the rules need to know of a deployment on a cluster, as far as this user may see it, and applies them. */
import { redactor } from '../doctor/run-checks.ts';
import { linesOf } from '../base/logs.ts';
import { readClaim, readNodes } from './cluster.ts';
import type { Kubectl } from './kubectl.ts';
import type { Claim, ClusterEvent, Graph, Pod } from './objects.ts';
import { crashing } from './rules/crashes.ts';
import { graphState } from './progress.ts';
import type { ClusterCase } from './rule.ts';
import { clusterFinding, type ClusterDiagnosis } from './rule-table.ts';

export interface Look {
  readonly graph: Graph;
  readonly pods: readonly Pod[];
  readonly events: readonly ClusterEvent[];
}

/** Clocks of nodes and API server differ, and events have whole seconds. */
const clockSkewMs = 5_000;
const mostLogs = 4;
const logLines = 400;

/** `model`: as the workers are told. Rejects only with the reason of `signal`. */
export async function diagnoseGraph(
  kubectl: Kubectl,
  look: Look,
  model: string,
  signal?: AbortSignal,
): Promise<ClusterDiagnosis | undefined> {
  const { graph, pods, events } = look;
  const waiting = pods.filter((pod) => pod.node === undefined || !pod.containers.every(({ ready }) => ready));
  const [nodes, claims, logs] = await Promise.all([
    pods.some((pod) => pod.node === undefined) ? readNodes(kubectl, { signal }) : undefined,
    claimsOf(kubectl, waiting, signal),
    logsOf(kubectl, crashing(pods), signal),
  ]);
  const seen: ClusterCase = {
    graph,
    state: graphState(graph),
    pods,
    // Events about an earlier manifest explain nothing.
    events: events.filter(({ at }) => !(at < graph.changedAt - clockSkewMs)),
    nodes: nodes?.kind === 'seen' ? nodes.value : undefined,
    claims,
    logs,
    model,
    now: Date.now(),
    kubectl,
  };
  return clusterFinding(seen);
}

async function claimsOf(
  kubectl: Kubectl,
  pods: readonly Pod[],
  signal: AbortSignal | undefined,
): Promise<Map<string, Claim | undefined>> {
  const names = [...new Set(pods.flatMap(({ claims }) => claims))];
  const found = new Map<string, Claim | undefined>();
  for (const name of names) {
    const seen = await readClaim(kubectl, name, { signal });
    if (seen.kind === 'seen') found.set(name, seen.value);
  }
  return found;
}

async function logsOf(
  kubectl: Kubectl,
  pods: readonly Pod[],
  signal: AbortSignal | undefined,
): Promise<Map<string, readonly string[]>> {
  const clean = redactor({});
  const read = pods.slice(0, mostLogs).map(async (pod): Promise<[string, readonly string[]]> => {
    const container = pod.containers.find(({ ready }) => !ready)?.name ?? 'main';
    const words = ['logs', pod.name, '-c', container, `--tail=${logLines}`];
    // The container that has ended says why; the one that has just started says nothing yet.
    const before = await kubectl.run([...words, '--previous'], { signal });
    const answer =
      before.code === 0 && before.stdout.trim() !== '' ? before : await kubectl.run(words, { signal });
    return [pod.name, answer.code === 0 ? linesOf(answer.stdout).map(clean) : []];
  });
  return new Map(await Promise.all(read));
}
