/** Makes a deployment on a cluster: checks the cluster, applies the manifest, waits until it is ready, proves that it serves. */
import type { Clock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { Proof } from '../supervisor/events.ts';
import { applyGraph, isOurs, readGraph, seenOrThrow, servedVersion } from './cluster.ts';
import { type Kubectl, placeOf } from './kubectl.ts';
import type { Graph } from './objects.ts';
import type { ClusterNeeds } from './checks/cluster-check.ts';
import { preChecks } from './pre-checks.ts';
import { type Forward, openForward } from './port-forward.ts';
import { proveGraph } from './prove.ts';
import { type ClusterRun, servedAnnotation, type ServedAs } from './records.ts';
import { leaveReplicas } from './replicas.ts';
import { type ApiVersion, frontendPort, type Manifest } from './target.ts';
import { notOurs, takeDown } from './take-down.ts';
import { type Followed, untilReady, type Watcher } from './until-ready.ts';

export interface ClusterRequest {
  readonly runId: string;
  readonly name: string;
  /** Name of the DynamoGraphDeployment. */
  readonly graph: string;
  readonly served: ServedAs;
  readonly needs: ClusterNeeds;
  readonly detached: boolean;
  readonly timeoutMs: number;
  /** Of the port-forward; default: any free one. */
  readonly httpPort?: number | undefined;
  /** A deployment of this name may be changed; if false, the name must be free. */
  readonly mayChange: boolean;
  /** Called when an immutable field would change: may the deployment be deleted and made anew? */
  readonly mayRecreate: (why: string) => Promise<boolean>;
  /** Rejects if the profile has something that this version of the API cannot express. */
  readonly manifest: (version: ApiVersion) => Promise<Manifest>;
}

export interface Applied {
  readonly run: ClusterRun;
  readonly how: 'made' | 'changed' | 'unchanged' | 'made anew';
  /** It existed before, so it must not be deleted on failure. */
  readonly existed: boolean;
}

export interface Waiting {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** If it throws, nothing was changed on the cluster. */
export async function applyToCluster(
  kubectl: Kubectl,
  request: ClusterRequest,
  onNote: (text: string) => void,
  { clock, signal }: Waiting,
): Promise<Applied> {
  const { graph: name } = request;
  const version = seenOrThrow(await servedVersion(kubectl, { signal }), kubectl, `${name} was not created`);
  const manifest = await request.manifest(version);
  const failed = (await preChecks(kubectl, request.needs, signal)).filter(({ status }) => status !== 'ok');
  for (const check of failed) {
    if (check.status === 'fail')
      throw new DynamoError('environment', `${name} was not created: ${check.evidence}.`, {
        fields: { deployment: name, ...placeOf(kubectl) },
        details: check.details,
        hint: check.fix,
      });
    if (check.status === 'warn')
      onNote(`${check.evidence}${check.fix === undefined ? '' : `\n  fix: ${check.fix}`}`);
  }
  const before = seenOrThrow(
    await readGraph(kubectl, version, name, { signal }),
    kubectl,
    `${name} was not created`,
  );
  if (before !== undefined && !isOurs(before)) throw notOurs(kubectl, before);
  if (before?.deleting === true) throw stillGoing(kubectl, before);
  if (before !== undefined && !request.mayChange) throw taken(request, before);
  signal.throwIfAborted();
  // From here on no signal interrupts: what was made must be known.
  const text = JSON.stringify(withServed(manifest, request.served));
  if (before !== undefined)
    seenOrThrow(await leaveReplicas(kubectl, version, before), kubectl, `${name} was not changed`);
  let applied = await applyGraph(kubectl, text);
  let wasDeleted = false;
  if (applied.kind === 'problem' && applied.problem.kind === 'immutable' && before !== undefined) {
    const { said } = applied.problem;
    if (!(await request.mayRecreate(said))) throw cannotChange(request, said);
    await takeDown(
      kubectl,
      { graph: name, uid: before.uid, apiVersion: version },
      { clock, say: onNote, signal },
    );
    wasDeleted = true;
    applied = await applyGraph(kubectl, text);
  }
  const graph = seenOrThrow(applied, kubectl, `The cluster did not accept ${name}`);
  return {
    run: {
      ...kubectl.place,
      runId: request.runId,
      name: request.name,
      graph: name,
      uid: graph.uid,
      apiVersion: version,
      startedAt: clock.now(),
      detached: request.detached,
      served: request.served,
    },
    how:
      before === undefined
        ? 'made'
        : wasDeleted
          ? 'made anew'
          : graph.generation === before.generation
            ? 'unchanged'
            : 'changed',
    existed: before !== undefined,
  };
}

function withServed(manifest: Manifest, served: ServedAs): Manifest {
  const { metadata } = manifest;
  const annotations = { ...metadata.annotations, [servedAnnotation]: JSON.stringify(served) };
  return { ...manifest, metadata: { ...metadata, annotations } };
}

export interface Serving {
  readonly proof: Proof;
  readonly forward: Forward;
  readonly tookMs: number;
}

/** The port-forward stays open, and the caller ends it. Throws if the deployment does not become ready or does not serve. */
export async function untilServing(
  kubectl: Kubectl,
  run: ClusterRun,
  { timeoutMs, httpPort }: Pick<ClusterRequest, 'timeoutMs' | 'httpPort'>,
  watcher: Watcher,
  waiting: Waiting,
): Promise<Serving> {
  const { clock, signal } = waiting;
  const begin = clock.now();
  const followed: Followed = {
    kubectl,
    version: run.apiVersion,
    name: run.graph,
    uid: run.uid,
    model: run.served.modelPath,
  };
  const { graph, pods } = await untilReady(followed, watcher, { timeoutMs, clock, signal });
  const forward = await openFrontend(kubectl, run, { port: httpPort, signal, onNote: watcher.onNote });
  try {
    watcher.onState('proving that it serves');
    const { runId, served } = run;
    const { url } = forward;
    const proof = await proveGraph({
      kubectl,
      runId,
      served,
      graph,
      pods,
      url,
      clock,
      signal,
      onNote: watcher.onNote,
    });
    return { proof, forward, tookMs: clock.now() - begin };
  } catch (error) {
    await forward.end();
    throw error;
  }
}

/** To the Service of the frontend. */
export async function openFrontend(
  kubectl: Kubectl,
  { served }: Pick<ClusterRun, 'served'>,
  options: Parameters<typeof openForward>[3],
): Promise<Forward> {
  return await openForward(kubectl, `svc/${served.service}`, frontendPort, options);
}

function cannotChange({ name, graph, served }: ClusterRequest, said: string): DynamoError {
  return new DynamoError(
    'not-allowed',
    `${graph} exists, and an immutable field would change: it has to be deleted and created again.`,
    {
      fields: { deployment: graph },
      details: [`kubectl: ${said}`],
      hint: `dynamo down ${name} && dynamo up ${served.profile} --on kubernetes`,
    },
  );
}

function taken({ name }: ClusterRequest, { name: graph, namespace }: Graph): DynamoError {
  return new DynamoError(
    'busy',
    `${graph} is up in namespace ${namespace}, and this command would delete it.`,
    {
      fields: { deployment: graph, namespace },
      hint: `--name ANOTHER   # or, to end that one: dynamo down ${name}`,
    },
  );
}

function stillGoing(kubectl: Kubectl, { name, namespace }: Graph): DynamoError {
  return new DynamoError('busy', `${name} in namespace ${namespace} is still being deleted.`, {
    fields: { deployment: name, namespace },
    hint: kubectl.line('wait', '--for=delete', `dynamographdeployment/${name}`),
  });
}
