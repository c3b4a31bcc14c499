/** Finds the cluster that is meant, and a deployment of dynamo on it. */
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { listOf, objectOf, textOf } from '../smoke/answers.ts';
import { isOurs, readGraph, readOwnGraphs, seenOrThrow, servedVersion } from './cluster.ts';
import { createKubectl, type Kubectl, type Place, placeOf } from './kubectl.ts';
import type { Graph } from './objects.ts';
import { parseJson } from './parse-objects.ts';
import { problemError, problemOf } from './problem.ts';
import { type ClusterRun, servedAnnotation, servedFrom, type ServedAs } from './records.ts';
import { type ApiVersion, labels } from './target.ts';
import { notOurs } from './take-down.ts';

export interface AskedPlace {
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
}

/** This reads a file only. */
const lookWithinMs = 5_000;

/** The current context is remembered by name, as it may change later. */
export async function findCluster(asked: AskedPlace, environment: Environment): Promise<Kubectl> {
  const { KUBECONFIG: kubeconfig } = environment;
  const { context } = asked;
  const place = { context, namespace: asked.namespace ?? 'default', ...(kubeconfig ? { kubeconfig } : {}) };
  const first = createKubectl(place, environment);
  const answer = await first.run(['config', 'view', '--minify', '-o', 'json'], { timeoutMs: lookWithinMs });
  const config = parseJson(answer.stdout);
  if (answer.code !== 0 || config === undefined) {
    // In a pod kubectl needs no kubeconfig.
    if (context === undefined && environment['KUBERNETES_SERVICE_HOST'] !== undefined) return first;
    throw problemError({ ...problemOf(answer), kind: 'no-context' }, first, 'No cluster was found');
  }
  const found = objectOf(objectOf(listOf(config['contexts'])[0])['context']);
  return createKubectl(
    {
      ...place,
      context: context ?? textOf(config['current-context']),
      namespace: asked.namespace ?? textOf(found['namespace']) ?? 'default',
    },
    environment,
  );
}

/** A deployment that dynamo made, on this host or another. Throws `run-not-found` and `not-allowed`. */
export async function runOnCluster(kubectl: Kubectl, name: string): Promise<ClusterRun> {
  const version = seenOrThrow(await servedVersion(kubectl), kubectl, `${name} was not found`);
  const graph = seenOrThrow(await readGraph(kubectl, version, name), kubectl, `${name} was not found`);
  if (graph === undefined) {
    throw new DynamoError(
      'run-not-found',
      `There is no DynamoGraphDeployment ${name} in namespace ${kubectl.place.namespace}.`,
      {
        fields: { deployment: name, ...placeOf(kubectl) },
        hint: kubectl.line('get', 'dynamographdeployments'),
      },
    );
  }
  if (!isOurs(graph)) throw notOurs(kubectl, graph);
  return runOf(kubectl.place, version, graph);
}

/** Throws `run-not-found` if there is none, and `usage` if there are several. */
export async function onlyRunOnCluster(kubectl: Kubectl, verb: string): Promise<ClusterRun> {
  const runs = await runsOnCluster(kubectl);
  const [only, ...more] = runs;
  if (only === undefined)
    throw new DynamoError(
      'run-not-found',
      `dynamo has no deployment in namespace ${kubectl.place.namespace}.`,
      { fields: placeOf(kubectl), hint: 'dynamo up agg --on kubernetes' },
    );
  if (more.length > 0)
    throw new DynamoError(
      'usage',
      `Several deployments are up: ${runs.map(({ name }) => name).join(', ')}.`,
      {
        fields: { runs: runs.map(({ runId }) => runId), ...placeOf(kubectl) },
        hint: `dynamo ${verb} ${only.name} --on kubernetes`,
      },
    );
  return only;
}

export async function runsOnCluster(kubectl: Kubectl): Promise<ClusterRun[]> {
  const version = seenOrThrow(await servedVersion(kubectl), kubectl, 'The deployments cannot be listed');
  const graphs = seenOrThrow(
    await readOwnGraphs(kubectl, version),
    kubectl,
    'The deployments cannot be listed',
  );
  return graphs.map((graph) => runOf(kubectl.place, version, graph));
}

function runOf(place: Place, apiVersion: ApiVersion, graph: Graph): ClusterRun {
  const name = graph.labels[labels.name] ?? graph.name;
  return {
    ...place,
    runId: graph.name,
    name,
    graph: graph.name,
    uid: graph.uid,
    apiVersion,
    startedAt: graph.createdAt,
    detached: true,
    served: servedFrom(graph.annotations[servedAnnotation]) ?? servedByLooks(graph),
  };
}

/** For a deployment applied from the manifest of `dynamo plan`. */
function servedByLooks({ name, labels: its, components }: Graph): ServedAs {
  const frontend = components.find(({ type }) => type === 'frontend')?.name ?? 'frontend';
  return {
    profile: its[labels.profile] ?? name,
    model: '',
    modelPath: '',
    proof: { request: 'chat', maxTokens: 16 },
    provesReuse: false,
    modes: {},
    service: `${name}-${frontend.toLowerCase()}`,
  };
}
