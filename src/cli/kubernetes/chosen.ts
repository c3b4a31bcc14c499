/** Decides whether a command about a run means one on a cluster, and which. */
import type { Environment } from '../../base/environment.ts';
import { DynamoError } from '../../base/error.ts';
import { type ClusterRun, clusterRuns } from '../../kubernetes/records.ts';
import { isAlive } from '../../process/identity.ts';
import { stateFolders } from '../../run/folders.ts';
import { storedRuns } from '../../run/record.ts';
import { namesPlace, type PlaceFlags } from './place-options.ts';

/**
 * `undefined`: a run of this machine. Without options, a run of this machine that is up comes before one of the same name
 * on a cluster, and only deployments that this host made are found. Throws `usage` if several could be meant, and an error
 * if the cluster that was named cannot be asked.
 */
export async function chosenOnCluster(
  asked: string | undefined,
  flags: PlaceFlags,
  verb: string,
  environment: Environment,
): Promise<ClusterRun | undefined> {
  const known = clusterRuns(environment);
  if (namesPlace(flags)) return await named(asked, flags, { known, verb, environment });
  if (known.length === 0) return undefined;
  // Runs of this machine need Linux.
  const live =
    process.platform === 'linux'
      ? storedRuns(stateFolders(environment), isAlive).filter(({ supervised }) => supervised)
      : [];
  if (asked !== undefined) {
    if (live.some(({ record }) => record.name === asked || record.runId === asked)) return undefined;
    return onlyOf(
      known.filter((run) => isCalled(run, asked)),
      verb,
    );
  }
  if (live.length === 0) return onlyOf(known, verb);
  const names = [
    ...live.map(({ record }) => record.name),
    ...known.map(({ name }) => `${name} (on Kubernetes)`),
  ];
  throw new DynamoError('usage', `Several runs are up: ${names.join(', ')}.`, {
    fields: { runs: names },
    hint: `dynamo ${verb} ${names[0]}`,
  });
}

function isCalled({ name, graph, runId }: ClusterRun, asked: string): boolean {
  return [name, graph, runId].includes(asked);
}

function onlyOf(runs: readonly ClusterRun[], verb: string): ClusterRun | undefined {
  const [only, second] = runs;
  if (second === undefined || only === undefined) return only;
  const places = runs.map(
    ({ name, namespace, context }) =>
      `${name} (namespace ${namespace}${context === undefined ? '' : `, context ${context}`})`,
  );
  throw new DynamoError('usage', `Several deployments are on clusters: ${places.join(', ')}.`, {
    fields: { runs: runs.map(({ runId }) => runId) },
    hint: `dynamo ${verb} ${only.runId}`,
  });
}

/** By the record of this host if there is one, as it says more; else by the cluster. */
async function named(
  asked: string | undefined,
  { context, namespace }: PlaceFlags,
  {
    known,
    verb,
    environment,
  }: { readonly known: readonly ClusterRun[]; readonly verb: string; readonly environment: Environment },
): Promise<ClusterRun> {
  const { findCluster, onlyRunOnCluster, runOnCluster } = await import('../../kubernetes/find-cluster.ts');
  const kubectl = await findCluster({ context, namespace }, environment);
  const { place } = kubectl;
  const here = known.filter(
    (run) => run.context === place.context && (namespace === undefined || run.namespace === namespace),
  );
  const found = onlyOf(
    here.filter((run) => asked === undefined || isCalled(run, asked)),
    verb,
  );
  if (found !== undefined) return found;
  return asked === undefined
    ? await onlyRunOnCluster(kubectl, verb)
    : await runOnCluster(kubectl, asked.replaceAll('_', '-'));
}
