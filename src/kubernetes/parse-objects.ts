/** Reads objects of Kubernetes out of JSON, whose shape nothing guarantees. */
import { type Json, listOf, numberOf, objectOf, textOf } from '../smoke/answers.ts';
import type {
  Claim,
  ClusterEvent,
  ClusterNode,
  Condition,
  ContainerState,
  Graph,
  GraphComponent,
  Pod,
  PodContainer,
} from './objects.ts';

export const graphLabel = 'nvidia.com/dynamo-graph-deployment-name';
const componentLabel = 'nvidia.com/dynamo-component';
const gpuResource = 'nvidia.com/gpu';

/** Undefined for text that is no JSON object. */
export function parseJson(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? objectOf(value) : undefined;
  } catch {
    return undefined;
  }
}

export function itemsOf(text: string): readonly unknown[] {
  return listOf(parseJson(text)?.['items']);
}

export function graphOf(value: unknown): Graph {
  const { metadata: rawMetadata, spec: rawSpec, status: rawStatus } = objectOf(value);
  const [metadata, spec, status] = [objectOf(rawMetadata), objectOf(rawSpec), objectOf(rawStatus)];
  const ready = objectOf(status['components'] ?? status['services']);
  const specWrites = listOf(metadata['managedFields'])
    .map(objectOf)
    .filter((entry) => entry['subresource'] !== 'status');
  const components = Array.isArray(spec['components'])
    ? listOf(spec['components']).map(betaComponent)
    : Object.entries(objectOf(spec['services'])).map(alphaComponent);
  return {
    name: words(metadata['name']),
    namespace: words(metadata['namespace']),
    uid: words(metadata['uid']),
    generation: count(metadata['generation']) ?? 0,
    observedGeneration: count(status['observedGeneration']),
    createdAt: Date.parse(words(metadata['creationTimestamp'])),
    changedAt: Math.max(
      Date.parse(words(metadata['creationTimestamp'])),
      ...specWrites.map(({ time }) => Date.parse(words(time))).filter((at) => !Number.isNaN(at)),
    ),
    deleting: metadata['deletionTimestamp'] !== undefined,
    finalizers: listOf(metadata['finalizers']).map(words),
    labels: textsOf(metadata['labels']),
    annotations: textsOf(metadata['annotations']),
    managers: specWrites.map(({ manager }) => words(manager)),
    components: components.map((each) => ({
      ...each,
      ready: count(objectOf(ready[each.name])['readyReplicas']),
    })),
    state: textOf(status['state']),
    conditions: conditionsOf(status),
  };
}

function betaComponent(value: unknown): Omit<GraphComponent, 'ready'> {
  const component = objectOf(value);
  const pod = objectOf(objectOf(component['podTemplate'])['spec']);
  const main = listOf(pod['containers'])
    .map(objectOf)
    .find(({ name }) => name === 'main');
  const limits = objectOf(objectOf(main?.['resources'])['limits']);
  return {
    name: words(component['name']),
    type: words(component['type']),
    replicas: count(component['replicas']) ?? 1,
    hasAdapter: component['scalingAdapter'] !== undefined,
    nodes: count(objectOf(component['multinode'])['nodeCount']) ?? 1,
    gpus: count(limits[gpuResource]) ?? 0,
  };
}

function alphaComponent([name, value]: [string, unknown]): Omit<GraphComponent, 'ready'> {
  const service = objectOf(value);
  const limits = objectOf(objectOf(service['resources'])['limits']);
  return {
    name,
    type: words(service['subComponentType'] ?? service['componentType']),
    replicas: count(service['replicas']) ?? 1,
    hasAdapter: objectOf(service['scalingAdapter'])['enabled'] === true,
    nodes: count(objectOf(service['multinode'])['nodeCount']) ?? 1,
    gpus: count(limits['gpu']) ?? 0,
  };
}

/** Component and name of a DynamoGraphDeploymentScalingAdapter. */
export function adapterOf(value: unknown): [string, string] {
  const { metadata: rawMetadata, spec } = objectOf(value);
  const metadata = objectOf(rawMetadata);
  // `serviceName` in v1alpha1.
  const about = objectOf(objectOf(spec)['dgdRef']);
  const component =
    textsOf(metadata['labels'])[componentLabel] ?? words(about['componentName'] ?? about['serviceName']);
  return [component, words(metadata['name'])];
}

export function podOf(value: unknown): Pod {
  const { metadata: rawMetadata, spec: rawSpec, status: rawStatus } = objectOf(value);
  const [metadata, spec, status] = [objectOf(rawMetadata), objectOf(rawSpec), objectOf(rawStatus)];
  const statuses = [...listOf(status['initContainerStatuses']), ...listOf(status['containerStatuses'])];
  return {
    name: words(metadata['name']),
    uid: words(metadata['uid']),
    graph: textsOf(metadata['labels'])[graphLabel] ?? '',
    component: textsOf(metadata['labels'])[componentLabel] ?? '',
    createdAt: Date.parse(words(metadata['creationTimestamp'])),
    deleting: metadata['deletionTimestamp'] !== undefined,
    phase: words(status['phase']),
    reason: words(status['reason']),
    message: words(status['message']),
    node: textOf(spec['nodeName']),
    conditions: conditionsOf(status),
    containers: statuses.map(containerOf),
    claims: listOf(spec['volumes']).flatMap((volume) => {
      const claim = textOf(objectOf(objectOf(volume)['persistentVolumeClaim'])['claimName']);
      return claim === undefined ? [] : [claim];
    }),
    pullSecrets: listOf(spec['imagePullSecrets']).map((secret) => words(objectOf(secret)['name'])),
    schedulingGates: listOf(spec['schedulingGates']).map((gate) => words(objectOf(gate)['name'])),
    gpus: listOf(spec['containers']).reduce<number>((sum, container) => {
      const limits = objectOf(objectOf(objectOf(container)['resources'])['limits']);
      return sum + (count(limits[gpuResource]) ?? 0);
    }, 0),
  };
}

function containerOf(value: unknown): PodContainer {
  const status = objectOf(value);
  return {
    name: words(status['name']),
    image: words(status['image']),
    ready: status['ready'] === true,
    started: status['started'] === true,
    restarts: count(status['restartCount']) ?? 0,
    now: stateOf(status['state']),
    before: stateOf(status['lastState']),
  };
}

function stateOf(value: unknown): ContainerState {
  const state = objectOf(value);
  for (const kind of ['waiting', 'running', 'terminated'] as const) {
    if (state[kind] === undefined) continue;
    const about = objectOf(state[kind]);
    return {
      kind,
      reason: words(about['reason']),
      message: words(about['message']),
      exitCode: count(about['exitCode']),
    };
  }
  return { kind: 'unknown', reason: '', message: '', exitCode: undefined };
}

export function eventOf(value: unknown): ClusterEvent {
  const event = objectOf(value);
  const about = objectOf(event['involvedObject'] ?? event['regarding']);
  const series = objectOf(event['series']);
  const last = series['lastObservedTime'] ?? event['lastTimestamp'] ?? event['eventTime'];
  return {
    kind: words(about['kind']),
    name: words(about['name']),
    type: words(event['type']),
    reason: words(event['reason']),
    message: words(event['message'] ?? event['note']).trim(),
    count: count(series['count'] ?? event['count']) ?? 1,
    at: Date.parse(words(last ?? objectOf(event['metadata'])['creationTimestamp'])),
  };
}

export function nodeOf(value: unknown): ClusterNode {
  const { metadata, spec, status } = objectOf(value);
  return {
    name: words(objectOf(metadata)['name']),
    gpus: count(objectOf(objectOf(status)['allocatable'])[gpuResource]) ?? 0,
    ready: conditionsOf(objectOf(status)).some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    taints: listOf(objectOf(spec)['taints']).map((taint) => {
      const { key, effect } = objectOf(taint);
      return `${words(key)}:${words(effect)}`;
    }),
  };
}

export function claimOf(value: unknown): Claim {
  const { metadata, spec, status } = objectOf(value);
  return {
    name: words(objectOf(metadata)['name']),
    phase: words(objectOf(status)['phase']),
    accessModes: listOf(objectOf(spec)['accessModes']).map(words),
    storageClass: words(objectOf(spec)['storageClassName']),
  };
}

export function conditionsOf(status: Json): Condition[] {
  return listOf(status['conditions']).map((value) => {
    const condition = objectOf(value);
    return {
      type: words(condition['type']),
      status: words(condition['status']),
      reason: words(condition['reason']),
      message: words(condition['message']),
      observedGeneration: count(condition['observedGeneration']),
      changedAt: Date.parse(words(condition['lastTransitionTime'])),
    };
  });
}

function textsOf(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(objectOf(value)).map(([key, text]) => [key, words(text)]));
}

function words(value: unknown): string {
  return textOf(value) ?? '';
}

/** Of a number, or of a quantity such as "4". */
function count(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : numberOf(value);
  return Number.isNaN(number) ? undefined : number;
}
