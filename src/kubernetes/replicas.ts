/** Who decides how many replicas a component has: the manifest, `dynamo scale`, or a scaling adapter of the operator. */
import { ask, type Seen, writeWithinMs } from './cluster.ts';
import type { Call, Kubectl } from './kubectl.ts';
import type { Graph } from './objects.ts';
import { adapterOf, graphLabel, graphOf, itemsOf, parseJson } from './parse-objects.ts';
import { apiGroup, type ApiVersion, resourceKind } from './target.ts';

/**
 * Owns the replicas that `dynamo scale` has set: applied under the name of `up`, they
 * would take the rest of the spec with them.
 */
const scaleManager = 'dynamo-scale';

/** Only where the object still has this uid. Takes the replicas over from whoever set them. Returns it as it is then. */
export async function applyReplicas(
  kubectl: Kubectl,
  version: ApiVersion,
  { name, uid }: { readonly name: string; readonly uid: string },
  replicas: Readonly<Record<string, number>>,
): Promise<Seen<Graph>> {
  const counts = Object.entries(replicas);
  const spec =
    version === 'v1beta1'
      ? { components: counts.map(([component, count]) => ({ name: component, replicas: count })) }
      : { services: Object.fromEntries(counts.map(([key, count]) => [key, { replicas: count }])) };
  return await applyScale(kubectl, version, { metadata: { name, uid }, spec });
}

/** From then on `applyGraph` decides about replicas again. */
export async function leaveReplicas(
  kubectl: Kubectl,
  version: ApiVersion,
  { name, uid, managers }: Pick<Graph, 'name' | 'uid' | 'managers'>,
): Promise<Seen<unknown>> {
  if (!managers.includes(scaleManager)) return { kind: 'seen', value: undefined };
  return await applyScale(kubectl, version, { metadata: { name, uid } });
}

async function applyScale(
  kubectl: Kubectl,
  version: ApiVersion,
  body: Readonly<Record<string, unknown>>,
): Promise<Seen<Graph>> {
  const words = ['apply', '--server-side', '--force-conflicts', `--field-manager=${scaleManager}`];
  return await ask(kubectl, [...words, '-f', '-', '-o', 'json'], (text) => graphOf(parseJson(text)), {
    input: JSON.stringify({ apiVersion: `${apiGroup}/${version}`, kind: resourceKind, ...body }),
    timeoutMs: writeWithinMs,
  });
}

const adapters = `dynamographdeploymentscalingadapters.${apiGroup}`;

/** The names of the adapters of a deployment, by component. The operator labels them so (1.2 to 1.5, read in its source). */
export async function readAdapters(
  kubectl: Kubectl,
  graph: string,
  call?: Call,
): Promise<Seen<ReadonlyMap<string, string>>> {
  const words = ['get', adapters, '-l', `${graphLabel}=${graph}`, '-o', 'json'];
  return await ask(kubectl, words, (text) => new Map(itemsOf(text).map(adapterOf)), call);
}

/** By its scale subresource, as a HorizontalPodAutoscaler does. */
export async function scaleAdapter(
  kubectl: Kubectl,
  name: string,
  replicas: number,
): Promise<Seen<undefined>> {
  const words = ['scale', `${adapters}/${name}`, `--replicas=${replicas}`];
  return await ask(kubectl, words, () => undefined, { timeoutMs: writeWithinMs });
}
