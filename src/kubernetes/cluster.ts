/** All reads and writes of a cluster, each with a time limit; failures are returned as problems. */
import { listOf, objectOf } from '../smoke/answers.ts';
import type { Call, Kubectl } from './kubectl.ts';
import type { Claim, ClusterEvent, ClusterNode, Graph, Pod } from './objects.ts';
import { claimOf, eventOf, graphLabel, graphOf, itemsOf, nodeOf, parseJson, podOf } from './parse-objects.ts';
import { type Problem, problemError, problemOf } from './problem.ts';
import { apiGroup, apiVersions, type ApiVersion, labels, managedBy } from './target.ts';

/** Our name in `managedFields`. */
export const fieldManager = 'dynamo';

/** Longer than for reading, as webhooks are called. */
export const writeWithinMs = 30_000;

export type Seen<T> =
  | { readonly kind: 'seen'; readonly value: T }
  | { readonly kind: 'problem'; readonly problem: Problem };

/** Throws a problem as an error. */
export function seenOrThrow<T>(seen: Seen<T>, kubectl: Kubectl, doing: string): T {
  if (seen.kind === 'seen') return seen.value;
  throw problemError(seen.problem, kubectl, doing);
}

/** Asks kubectl, and reads its answer. */
export async function ask<T>(
  kubectl: Kubectl,
  words: readonly string[],
  read: (text: string) => T,
  call: Call = {},
): Promise<Seen<T>> {
  const answer = await kubectl.run(words, call);
  return answer.code === 0
    ? { kind: 'seen', value: read(answer.stdout) }
    : { kind: 'problem', problem: problemOf(answer) };
}

/** The newest version of the API that both the cluster and we know, by discovery. */
export async function servedVersion(kubectl: Kubectl, call?: Call): Promise<Seen<ApiVersion>> {
  const seen = await ask(kubectl, ['get', '--raw', `/apis/${apiGroup}`], parseJson, call);
  if (seen.kind === 'problem') return seen.problem.kind === 'not-found' ? noCrd(seen.problem.said) : seen;
  const served = listOf(seen.value?.['versions']).map((version) => objectOf(version)['version']);
  for (const version of apiVersions) {
    if (!served.includes(version)) continue;
    // The group has other kinds, which may be installed without this one.
    const kinds = await ask(kubectl, ['get', '--raw', `/apis/${apiGroup}/${version}`], parseJson, call);
    if (kinds.kind === 'problem') return kinds;
    const names = listOf(kinds.value?.['resources']).map((resource) => objectOf(resource)['name']);
    if (names.includes('dynamographdeployments')) return { kind: 'seen', value: version };
  }
  return noCrd(`the API group ${apiGroup} has no DynamoGraphDeployment`);
}

function noCrd(said: string): Seen<never> {
  return { kind: 'problem', problem: { kind: 'no-crd', said } };
}

function pathOf({ place: { namespace } }: Kubectl, version: ApiVersion, name: string): string {
  return `/apis/${apiGroup}/${version}/namespaces/${namespace}/dynamographdeployments/${name}`;
}

/** `undefined` where there is none. */
export async function readGraph(
  kubectl: Kubectl,
  version: ApiVersion,
  name: string,
  call?: Call,
): Promise<Seen<Graph | undefined>> {
  const seen = await ask(kubectl, ['get', '--raw', pathOf(kubectl, version, name)], parseJson, call);
  if (seen.kind === 'seen') return { kind: 'seen', value: graphOf(seen.value) };
  return seen.problem.kind === 'not-found' ? { kind: 'seen', value: undefined } : seen;
}

/** Those that `up` made in this namespace, or in all of them. */
export async function readOwnGraphs(
  kubectl: Kubectl,
  version: ApiVersion,
  call?: Call,
): Promise<Seen<Graph[]>> {
  const path = pathOf(kubectl, version, '').replace(/\/$/, '');
  const query = `?labelSelector=${encodeURIComponent(`${labels.managed}=${managedBy}`)}`;
  return await ask(
    kubectl,
    ['get', '--raw', `${path}${query}`],
    (text) => itemsOf(text).map(graphOf).filter(isOurs),
    call,
  );
}

/** Whether dynamo made it: it has our label and our field manager. Nothing else is ever changed or deleted. */
export function isOurs({ labels: its, managers }: Graph): boolean {
  return its[labels.managed] === managedBy && managers.includes(fieldManager);
}

/** `manifest`: JSON. Never takes over fields of other field managers. */
export async function applyGraph(kubectl: Kubectl, manifest: string): Promise<Seen<Graph>> {
  const words = ['apply', '--server-side', `--field-manager=${fieldManager}`, '-f', '-', '-o', 'json'];
  return await ask(kubectl, words, (text) => graphOf(parseJson(text)), {
    input: manifest,
    timeoutMs: writeWithinMs,
  });
}

/**
 * Returns when the deletion is accepted. Dependents are deleted first, then the object itself. Only the object with this
 * uid is deleted, not a new one with the same name.
 */
export async function deleteGraph(
  kubectl: Kubectl,
  version: ApiVersion,
  { name, uid }: { readonly name: string; readonly uid: string },
): Promise<Seen<undefined>> {
  const options = {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy: 'Foreground',
    preconditions: { uid },
  };
  const words = ['delete', '--raw', pathOf(kubectl, version, name), '-f', '-'];
  return await ask(kubectl, words, () => undefined, {
    input: JSON.stringify(options),
    timeoutMs: writeWithinMs,
  });
}

/** Only the pod with this uid, not its replacement. Succeeds if it is gone already. */
export async function deletePod(kubectl: Kubectl, { name, uid }: Pod): Promise<Seen<undefined>> {
  const options = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } };
  const path = `/api/v1/namespaces/${kubectl.place.namespace}/pods/${name}`;
  const seen = await ask(kubectl, ['delete', '--raw', path, '-f', '-'], () => undefined, {
    input: JSON.stringify(options),
    timeoutMs: writeWithinMs,
  });
  const isGone = seen.kind === 'problem' && seen.problem.kind === 'not-found';
  return isGone ? { kind: 'seen', value: undefined } : seen;
}

export async function readPods(kubectl: Kubectl, graph: string, call?: Call): Promise<Seen<Pod[]>> {
  const words = ['get', 'pods', '-l', `${graphLabel}=${graph}`, '-o', 'json'];
  return await ask(kubectl, words, (text) => itemsOf(text).map(podOf), call);
}

/** Events of the deployment and of everything whose name begins with its name, oldest first. */
export async function readEvents(
  kubectl: Kubectl,
  graph: string,
  call?: Call,
): Promise<Seen<ClusterEvent[]>> {
  const words = ['get', 'events', '-o', 'json'];
  const own = ({ name }: ClusterEvent): boolean => name === graph || name.startsWith(`${graph}-`);
  return await ask(
    kubectl,
    words,
    (text) =>
      itemsOf(text)
        .map(eventOf)
        .filter(own)
        .toSorted((a, b) => a.at - b.at),
    call,
  );
}

export async function readNodes(kubectl: Kubectl, call?: Call): Promise<Seen<ClusterNode[]>> {
  return await ask(kubectl, ['get', 'nodes', '-o', 'json'], (text) => itemsOf(text).map(nodeOf), call);
}

/** `undefined` where there is none. */
export async function readClaim(
  kubectl: Kubectl,
  name: string,
  call?: Call,
): Promise<Seen<Claim | undefined>> {
  const seen = await ask(
    kubectl,
    ['get', 'persistentvolumeclaim', name, '-o', 'json'],
    (text) => claimOf(parseJson(text)),
    call,
  );
  return seen.kind === 'problem' && seen.problem.kind === 'not-found'
    ? { kind: 'seen', value: undefined }
    : seen;
}

/** The keys of a secret, without its values. `undefined` if there is none. */
export async function secretKeys(
  kubectl: Kubectl,
  name: string,
  call?: Call,
): Promise<Seen<readonly string[] | undefined>> {
  const template = '{{range $key, $value := .data}}{{$key}}{{"\\n"}}{{end}}';
  const seen = await ask(
    kubectl,
    ['get', 'secret', name, '-o', `go-template=${template}`],
    (text) => text.split('\n').filter(Boolean),
    call,
  );
  return seen.kind === 'problem' && seen.problem.kind === 'not-found'
    ? { kind: 'seen', value: undefined }
    : seen;
}

/** Something that a user may do in the namespace: `get` of `pods`, with the subresource `log`. */
export interface Right {
  readonly verb: string;
  readonly resource: string;
  readonly group?: string;
  readonly subresource?: string;
}

/** Which of them this user has, in their order: what `kubectl auth can-i` asks, all in one call. */
export async function rightsOf(
  kubectl: Kubectl,
  rights: readonly Right[],
  call?: Call,
): Promise<Seen<readonly boolean[]>> {
  const { namespace } = kubectl.place;
  const reviews = rights.map((right) => ({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { namespace, ...right } },
  }));
  const words = ['create', '-f', '-', '-o', 'jsonpath={.status.allowed}{"\\n"}'];
  const seen = await ask(kubectl, words, (text) => text.split('\n').slice(0, rights.length), {
    ...call,
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: reviews }),
  });
  return seen.kind === 'seen' ? { kind: 'seen', value: seen.value.map((line) => line === 'true') } : seen;
}

/** Names of the API groups that the cluster serves: `grove.io`, `leaderworkerset.x-k8s.io`, … */
export async function apiGroups(kubectl: Kubectl, call?: Call): Promise<Seen<string[]>> {
  return await ask(
    kubectl,
    ['get', '--raw', '/apis'],
    (text) => listOf(parseJson(text)?.['groups']).map((each) => String(objectOf(each)['name'])),
    call,
  );
}
