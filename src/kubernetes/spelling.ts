/** A graph in the shape of each version of the API. Source: docs/upstream/kubernetes.md#fields. */
import {
  apiGroup,
  type ApiVersion,
  type PodGraph,
  type Manifest,
  type PodComponent,
  resourceKind,
} from './target.ts';

export function spell(graph: PodGraph, apiVersion: ApiVersion): Manifest {
  const { name, namespace, labels, annotations } = graph;
  return {
    apiVersion: `${apiGroup}/${apiVersion}`,
    kind: resourceKind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: apiVersion === 'v1beta1' ? betaSpec(graph) : alphaSpec(graph),
  };
}

/** For the children: 1.2 drops the labels of a pod template. Only our own; the operator sets the common ones. */
function childLabels({ labels }: PodGraph): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => key.startsWith('dynamo.run/')));
}

function betaSpec(graph: PodGraph): Record<string, unknown> {
  return {
    backendFramework: graph.backendFramework,
    labels: childLabels(graph),
    env: variables(graph.env),
    components: graph.components.map((each) => betaComponent(each, graph)),
  };
}

function betaComponent(component: PodComponent, graph: PodGraph): Record<string, unknown> {
  const { name, type, replicas, sharedMemory } = component;
  return {
    name,
    type,
    replicas,
    ...multinode(component),
    ...(sharedMemory === undefined ? {} : { sharedMemorySize: sharedMemory }),
    ...(graph.runtimeVersion === undefined ? {} : { runtimeVersionOverride: graph.runtimeVersion }),
    podTemplate: { spec: betaPod(component, graph) },
  };
}

function betaPod(
  component: PodComponent,
  { image, hfSecret, modelCache }: PodGraph,
): Record<string, unknown> {
  const claim = modelCache?.claim;
  const { env, gpusPerPod } = component;
  const volumes = [
    ...(claim === undefined ? [] : [{ name: cacheVolume, persistentVolumeClaim: { claimName: claim } }]),
    ...emptyVolumes(component),
  ];
  const mounts = [
    ...(modelCache === undefined ? [] : [{ name: cacheVolume, mountPath: modelCache.path }]),
    ...emptyMounts(component),
  ];
  return {
    ...podSettings(component),
    containers: [
      {
        name: 'main',
        image,
        command: component.command,
        args: component.args,
        ...(Object.keys(env).length === 0 ? {} : { env: variables(env) }),
        ...(hfSecret === undefined ? {} : { envFrom: [{ secretRef: { name: hfSecret } }] }),
        ...(gpusPerPod === 0 ? {} : { resources: { limits: { 'nvidia.com/gpu': String(gpusPerPod) } } }),
        ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
      },
    ],
    ...(volumes.length === 0 ? {} : { volumes }),
  };
}

function alphaSpec(graph: PodGraph): Record<string, unknown> {
  const { backendFramework, env, modelCache, components } = graph;
  return {
    backendFramework,
    labels: childLabels(graph),
    envs: variables(env),
    ...(modelCache === undefined ? {} : { pvcs: [{ name: modelCache.claim, create: false }] }),
    services: Object.fromEntries(components.map((each) => [each.name, alphaService(each, graph)])),
  };
}

/** GPUs must be a string: a number is refused. */
function alphaService(component: PodComponent, graph: PodGraph): Record<string, unknown> {
  const { type, replicas, sharedMemory, env, gpusPerPod } = component;
  const { hfSecret, modelCache } = graph;
  const part = type === 'prefill' || type === 'decode' ? { subComponentType: type } : {};
  return {
    componentType: type === 'frontend' ? type : 'worker',
    ...part,
    replicas,
    ...multinode(component),
    ...(sharedMemory === undefined ? {} : { sharedMemory: { size: sharedMemory } }),
    ...(hfSecret === undefined ? {} : { envFromSecret: hfSecret }),
    ...(Object.keys(env).length === 0 ? {} : { envs: variables(env) }),
    ...(gpusPerPod === 0 ? {} : { resources: { limits: { gpu: String(gpusPerPod) } } }),
    ...(modelCache === undefined
      ? {}
      : { volumeMounts: [{ name: modelCache.claim, mountPoint: modelCache.path }] }),
    extraPodSpec: alphaPod(component, graph),
  };
}

function alphaPod(component: PodComponent, { image }: PodGraph): Record<string, unknown> {
  const [volumes, mounts] = [emptyVolumes(component), emptyMounts(component)];
  return {
    ...podSettings(component),
    mainContainer: {
      image,
      command: component.command,
      args: component.args,
      ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
    },
    ...(volumes.length === 0 ? {} : { volumes }),
  };
}

const cacheVolume = 'model-cache';

function podSettings({ shareProcessNamespace, graceSeconds }: PodComponent): Record<string, unknown> {
  return {
    ...(shareProcessNamespace ? { shareProcessNamespace } : {}),
    ...(graceSeconds === undefined ? {} : { terminationGracePeriodSeconds: graceSeconds }),
  };
}

function multinode({ nodes }: PodComponent): Record<string, unknown> {
  return nodes === 1 ? {} : { multinode: { nodeCount: nodes } };
}

function emptyVolumes({ emptyFolders }: PodComponent): Record<string, unknown>[] {
  return emptyFolders.map(({ name, size }) => ({ name, emptyDir: { sizeLimit: size } }));
}

function emptyMounts({ emptyFolders }: PodComponent): Record<string, unknown>[] {
  return emptyFolders.map(({ name, path }) => ({ name, mountPath: path }));
}

function variables(env: Readonly<Record<string, string>>): { name: string; value: string }[] {
  return Object.entries(env).map(([name, value]) => ({ name, value }));
}
