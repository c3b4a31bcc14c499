/** The reasons for what is in a manifest, and what of the profile is left out. */
import type { Choice } from '../plan/plan.ts';
import type { FrontendSpec, Profile, WorkerSpec } from '../profile/profile.ts';
import { isMedia } from './pods.ts';
import {
  frontendPort,
  type KubernetesRequest,
  mediaFolder,
  type PodComponent,
  type PodGraph,
  workerPorts,
} from './target.ts';

export interface Chosen {
  readonly graph: PodGraph;
  readonly runName: string;
}

export function choicesOf(profile: Profile, request: KubernetesRequest, chosen: Chosen): Choice[] {
  return [
    ...nameChoices(chosen),
    ...planeChoices(profile, request),
    ...storageChoices(request),
    ...chosen.graph.components.flatMap((pod) => {
      const spec = profile.components[pod.component];
      return spec === undefined ? [] : componentChoices(pod, spec);
    }),
    ...leftOut(profile),
  ];
}

function nameChoices({ graph, runName }: Chosen): Choice[] {
  if (graph.name === runName) return [];
  return [
    {
      what: 'name',
      value: graph.name,
      because: `${runName}, without the characters that Kubernetes does not allow`,
    },
  ];
}

function planeChoices(profile: Profile, request: KubernetesRequest): Choice[] {
  const discovery = request.discovery ?? profile.discovery;
  const events = request.events ?? profile.events;
  const nats = "needs NATS, which the chart of Dynamo's platform installs only when asked";
  return [
    discovery === 'etcd'
      ? { what: 'discovery', value: 'etcd', because: "needs the etcd of Dynamo's platform" }
      : { what: 'discovery', value: 'kubernetes', because: 'set up by the operator: no etcd needed' },
    events === 'nats'
      ? { what: 'events', value: 'nats', because: nats }
      : {
          what: 'events',
          value: 'zmq',
          because: 'directly from pod to pod; the default of Dynamo up to 1.4 would need NATS',
        },
    ...(profile.requestPlane === 'nats' ? [{ what: 'requests', value: 'nats', because: nats }] : []),
  ];
}

function storageChoices({ hfSecret, modelCache }: KubernetesRequest): Choice[] {
  return [
    hfSecret === undefined
      ? {
          what: 'HF token',
          value: 'none',
          because: 'gated models need --hf-secret NAME, a Secret with the key HF_TOKEN',
        }
      : { what: 'HF token', value: hfSecret, because: '--hf-secret: its keys are variables of every pod' },
    modelCache === undefined
      ? {
          what: 'model cache',
          value: 'none',
          because: 'every pod downloads the model; --model-cache CLAIM keeps it on a volume',
        }
      : {
          what: 'model cache',
          value: modelCache.claim,
          because: `mounted at ${modelCache.path}; pods on several nodes need a ReadWriteMany claim`,
        },
  ];
}

function componentChoices(pod: PodComponent, spec: FrontendSpec | WorkerSpec): Choice[] {
  const reasons = spec.kind === 'frontend' ? frontendReasons(pod, spec) : workerReasons(pod, spec);
  const stop =
    spec.stopTimeoutSeconds === undefined
      ? 'transfers in flight may finish; the operator would give 60 s'
      : 'stopTimeoutSeconds';
  return [
    ...reasons,
    [pod.graceSeconds !== undefined, `${pod.graceSeconds} s to stop`, stop] as const,
  ].flatMap(([applies, value, because]) => (applies ? [{ what: pod.name, value, because }] : []));
}

type Reason = readonly [applies: boolean, value: string, because: string];

function frontendReasons({ name, component }: PodComponent, { httpPort }: FrontendSpec): Reason[] {
  return [
    [component !== name, `was ${component}`, 'the operator makes its Service for this name only'],
    [
      httpPort !== undefined && httpPort !== frontendPort,
      `port ${frontendPort}`,
      `the operator's Service and probes rely on it; httpPort ${httpPort} is left out`,
    ],
  ];
}

function workerReasons(pod: PodComponent, spec: WorkerSpec): Reason[] {
  const { nodes, gpusPerPod, env } = pod;
  return [
    [
      spec.mode === 'prefill',
      `bootstrap port ${workerPorts.bootstrap}`,
      'every pod has its own address, so all can use the same port',
    ],
    [spec.kvEvents, `KV events on port ${workerPorts.kvEvents}`, 'the same for every pod'],
    [
      nodes > 1,
      `${nodes} nodes × ${gpusPerPod} GPUs`,
      `gpus: ${spec.gpus}, nodes: ${nodes}; needs Grove or LeaderWorkerSet, and the operator adds the ranks`,
    ],
    [
      nodes > 1,
      `GLOO_SOCKET_IFNAME=${env.GLOO_SOCKET_IFNAME}`,
      "a pod's network interface, as in upstream's manifest; --env GLOO_SOCKET_IFNAME=NAME changes it",
    ],
    [
      pod.sharedMemory !== undefined,
      `${pod.sharedMemory} of shared memory`,
      "as in upstream's manifests for diffusion",
    ],
    [
      pod.shareProcessNamespace,
      'shares its process namespace',
      'SGLang 0.5.16 takes a parent with process ID 1 for a dead one',
    ],
    [
      isMedia(spec.mode) && spec.media?.fsUrl === undefined,
      `results in ${mediaFolder}`,
      'a folder that goes with the pod; --set fsUrl=s3://… keeps them',
    ],
  ];
}

/** Keys that the kubelet or the operator decides instead. */
function leftOut(profile: Profile): Choice[] {
  const specs = Object.values(profile.components);
  const reasons: readonly [key: string, set: boolean, because: string][] = [
    [
      'dependsOn',
      specs.some(({ dependsOn }) => Object.keys(dependsOn).length > 0),
      'pods start together and wait for one another',
    ],
    [
      'restart',
      specs.some((spec) => spec.restart !== undefined || spec.maxRestarts !== undefined),
      'the kubelet restarts every container that exits',
    ],
    ['liveness', specs.some(({ liveness }) => liveness !== undefined), 'the operator sets the probes'],
    [
      'endpoint',
      specs.some((spec) => spec.kind === 'worker' && spec.endpoint !== undefined),
      'the operator decides where workers register',
    ],
    [
      'namespace',
      profile.namespace !== 'dynamo',
      'the operator derives it from the Kubernetes namespace and the name of the deployment',
    ],
  ];
  return reasons.flatMap(([key, set, because]) => (set ? [{ what: key, value: 'left out', because }] : []));
}
