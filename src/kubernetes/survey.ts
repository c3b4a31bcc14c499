/** The deployments that this host made on clusters, for `ps`. All clusters are asked at once, with a short time limit. */
import type { Environment } from '../base/environment.ts';
import { messageOf } from '../base/error-code.ts';
import { readEvents, readGraph, readPods } from './cluster.ts';
import { createKubectl } from './kubectl.ts';
import { graphState, type PodView, podView } from './progress.ts';
import { problemError } from './problem.ts';
import type { ClusterRun } from './records.ts';

export interface ClusterLook {
  readonly run: ClusterRun;
  readonly state: 'ready' | 'starting' | 'failed' | 'stopping' | 'gone' | 'not answering';
  /** What is wrong and what to do about it; absent if nothing is. */
  readonly trouble?: string;
  readonly pods: readonly (PodView & { readonly createdAt: number; readonly gpus: number })[];
}

/** Never rejects. */
export async function lookAtRun(
  run: ClusterRun,
  environment: Environment,
  timeoutMs: number,
): Promise<ClusterLook> {
  try {
    const kubectl = createKubectl(run, environment);
    const call = { timeoutMs };
    const [graph, pods, events] = await Promise.all([
      readGraph(kubectl, run.apiVersion, run.graph, call),
      readPods(kubectl, run.graph, call),
      readEvents(kubectl, run.graph, call),
    ]);
    if (graph.kind === 'problem') {
      const { message, hint } = problemError(graph.problem, kubectl, 'cannot be seen');
      const trouble = `${message.replace(/\.$/, '')}${hint === undefined ? '' : `: ${hint}`}`;
      return { run, state: 'not answering', trouble, pods: [] };
    }
    const views = (pods.kind === 'seen' ? pods.value : []).map((pod) => ({
      ...podView(pod, events.kind === 'seen' ? events.value : []),
      createdAt: pod.createdAt,
      gpus: pod.gpus,
    }));
    if (graph.value === undefined || graph.value.uid !== run.uid) {
      const trouble = `no longer on the cluster; to forget it: dynamo down ${run.runId}`;
      return { run, state: 'gone', trouble, pods: [] };
    }
    if (graph.value.deleting) return { run, state: 'stopping', pods: views };
    const { kind, text } = graphState(graph.value);
    const held = views.find(({ stage }) => stage === 'failing' || stage === 'pending');
    const trouble = kind === 'failed' ? text : held === undefined ? undefined : `${held.pod}: ${held.holdup}`;
    return {
      run,
      state: kind === 'pending' ? 'starting' : kind,
      ...(trouble === undefined ? {} : { trouble }),
      pods: views,
    };
  } catch (error) {
    return { run, state: 'not answering', trouble: messageOf(error), pods: [] };
  }
}
