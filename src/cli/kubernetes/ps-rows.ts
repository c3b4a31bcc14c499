/** Deployments on clusters as rows of `ps`, beside the runs of this machine. */
import type { Environment } from '../../base/environment.ts';
import { type ClusterRun, clusterRuns } from '../../kubernetes/records.ts';
import type { RunView } from '../../view/run-table.ts';
import { namesPlace, type PlaceFlags } from './place-options.ts';

/** For all clusters together, as all are asked at once. */
const answerWithinMs = 2_000;
/** `ps --watch` asks clusters less often than it reads this machine. */
const lookEveryMs = 3_000;

/**
 * The deployments that this host made; with a place, all that dynamo made there. A cluster that does not answer gets a row
 * that says so.
 */
export async function clusterViews(flags: PlaceFlags, environment: Environment): Promise<RunView[]> {
  const runs = await runsToShow(flags, environment);
  if (runs.length === 0) return [];
  const { lookAtRun } = await import('../../kubernetes/survey.ts');
  const looks = await Promise.all(runs.map(async (run) => await lookAtRun(run, environment, answerWithinMs)));
  return looks.map(({ run, state, trouble, pods }): RunView => {
    const since = new Date(run.startedAt).toISOString();
    return {
      runId: run.runId,
      name: run.name,
      profile: run.served.profile,
      engine: 'kubernetes',
      on: { kubernetes: { context: run.context, namespace: run.namespace, graph: run.graph } },
      state,
      url: `${run.context === undefined ? '' : `${run.context}/`}${run.namespace}`,
      startedAt: since,
      detached: run.detached,
      supervisorPid: undefined,
      supervisor: undefined,
      ...(trouble === undefined ? {} : { trouble }),
      logs: `dynamo logs ${run.runId}`,
      processes: pods.map(({ pod, component, stage, holdup, restarts, createdAt, gpus }) => ({
        name: pod.startsWith(`${run.graph}-`) ? pod.slice(run.graph.length + 1) : pod,
        component,
        state: stage,
        health: stage === 'ready' ? 'healthy' : holdup === '' ? '-' : short(holdup),
        pid: undefined,
        restarts,
        cpuPercent: undefined,
        memoryBytes: undefined,
        gpus: [],
        gpuCount: gpus,
        ports: {},
        since: Number.isNaN(createdAt) ? since : new Date(createdAt).toISOString(),
      })),
    };
  });
}

async function runsToShow(flags: PlaceFlags, environment: Environment): Promise<readonly ClusterRun[]> {
  const known = clusterRuns(environment);
  if (!namesPlace(flags)) return known;
  const { findCluster, runsOnCluster } = await import('../../kubernetes/find-cluster.ts');
  const found = await runsOnCluster(await findCluster(flags, environment));
  const rest = known.filter(({ uid }) => !found.some((run) => run.uid === uid));
  return [...rest, ...found.map((run) => known.find(({ uid }) => uid === run.uid) ?? run)];
}

function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** For `ps --watch`: the last answers of the clusters, which are asked in the background so that none delays the table. */
export function watchClusters(flags: PlaceFlags, environment: Environment): () => readonly RunView[] {
  let last: readonly RunView[] = [];
  let askedAt = -Infinity;
  let asking = false;
  return () => {
    if (!asking && performance.now() - askedAt >= lookEveryMs) {
      asking = true;
      askedAt = performance.now();
      void clusterViews(flags, environment)
        .then(
          (views) => (last = views),
          () => {},
        )
        .finally(() => (asking = false));
    }
    return last;
  };
}
