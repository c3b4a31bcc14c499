/** Why a manifest holds what it holds, and what of the profile it leaves out. */
import type { Choice } from '../plan/plan.ts';
import type { FrontendSpec, Profile, WorkerSpec } from '../profile/profile.ts';
import { isMedia } from './pods.ts';
import { frontendPort, type KubernetesRequest, mediaFolder, type PodGraph, workerPorts } from './target.ts';

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
  return [{ what: 'name', value: graph.name, because: `${runName} as Kubernetes takes it` }];
}

function planeChoices(profile: Profile, request: KubernetesRequest): Choice[] {
  const discovery = request.discovery ?? profile.discovery;
  const events = request.events ?? profile.events;
  const nats = "NATS of Dynamo's platform, which its chart installs only when it is told to";
  return [
    {
      what: 'discovery',
      value: discovery === 'etcd' ? 'etcd' : 'kubernetes',
      because:
        discovery === 'etcd'
          ? "asked for: etcd of Dynamo's platform must be there"
          : 'what the operator sets up: no etcd needed',
    },
    events === 'nats'
      ? { what: 'events', value: events, because: `asked for: ${nats}` }
      : {
          what: 'events',
          value: 'zmq',
          because: 'from pod to pod directly; up to Dynamo 1.4 it would be NATS unless it is said',
        },
    ...(profile.requestPlane === 'nats' ? [{ what: 'requests', value: 'nats', because: nats }] : []),
  ];
}

function storageChoices({ hfSecret, modelCache }: KubernetesRequest): Choice[] {
  return [
    hfSecret === undefined
      ? {
          what: 'token',
          value: 'none',
          because: 'models that need a login of Hugging Face need --hf-secret NAME, whose key is HF_TOKEN',
        }
      : { what: 'token', value: hfSecret, because: '--hf-secret: its keys are variables of every process' },
    modelCache === undefined
      ? {
          what: 'model cache',
          value: 'none',
          because: 'every pod downloads the model; --model-cache CLAIM keeps it on a volume',
        }
      : {
          what: 'model cache',
          value: modelCache.claim,
          because: `at ${modelCache.path}; pods on several nodes need a claim that is ReadWriteMany`,
        },
  ];
}

function componentChoices(pod: PodGraph['components'][number], spec: FrontendSpec | WorkerSpec): Choice[] {
  const what = pod.name;
  if (spec.kind === 'frontend') {
    return [
      ...(pod.component === pod.name
        ? []
        : [{ what, value: `for ${pod.component}`, because: 'its Service has this name only then' }]),
      ...(spec.httpPort === undefined || spec.httpPort === frontendPort
        ? []
        : [
            {
              what,
              value: `port ${frontendPort}`,
              because: `Service and probes of the operator rely on it; httpPort ${spec.httpPort} is left out`,
            },
          ]),
    ];
  }
  return [
    ...(spec.mode === 'prefill'
      ? [
          {
            what,
            value: `bootstrap port ${workerPorts.bootstrap}`,
            because: 'every pod has its own address, so all can have the same',
          },
        ]
      : []),
    ...(spec.kvEvents
      ? [{ what, value: `KV events on port ${workerPorts.kvEvents}`, because: 'the same for every pod' }]
      : []),
    ...(pod.nodes === 1
      ? []
      : [
          {
            what,
            value: `${pod.nodes} nodes × ${pod.gpusPerPod} GPUs`,
            because: `gpus: ${spec.gpus}, nodes: ${pod.nodes}; needs Grove or LeaderWorkerSet, and the operator adds the ranks`,
          },
          {
            what,
            value: `GLOO_SOCKET_IFNAME ${pod.env.GLOO_SOCKET_IFNAME ?? 'of the profile'}`,
            because:
              "the network of a pod, as in upstream's manifest; --env GLOO_SOCKET_IFNAME=NAME for another",
          },
        ]),
    ...(pod.sharedMemory === undefined
      ? []
      : [
          {
            what,
            value: `${pod.sharedMemory} of shared memory`,
            because: 'as upstream gives diffusion workers',
          },
        ]),
    ...(pod.shareProcessNamespace
      ? [
          {
            what,
            value: 'shares its process namespace',
            because: 'SGLang takes a parent with process id 1 for a dead one (0.5.16)',
          },
        ]
      : []),
    ...(isMedia(spec.mode) && spec.media?.fsUrl === undefined
      ? [
          {
            what,
            value: `results in ${mediaFolder}`,
            because: 'a folder that goes with the pod; --set fsUrl=s3://… keeps them',
          },
        ]
      : []),
    ...(pod.graceSeconds === undefined
      ? []
      : [
          {
            what,
            value: `${pod.graceSeconds} s to stop`,
            because:
              spec.stopTimeoutSeconds === undefined
                ? 'transfers under way may end, and the operator gives 60'
                : 'stopTimeoutSeconds',
          },
        ]),
  ];
}

/** Keys that the kubelet and the operator have their own way for. */
function leftOut(profile: Profile): Choice[] {
  const specs = Object.values(profile.components);
  const reasons: readonly [key: string, set: boolean, because: string][] = [
    [
      'dependsOn',
      specs.some(({ dependsOn }) => Object.keys(dependsOn).length > 0),
      'pods start together, and each waits until it finds the others',
    ],
    [
      'restart',
      specs.some((spec) => spec.restart !== undefined || spec.maxRestarts !== undefined),
      'the kubelet restarts every container that ends',
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
      'the operator makes it of the namespace on Kubernetes and the name of the deployment',
    ],
  ];
  return reasons.flatMap(([key, set, because]) => (set ? [{ what: key, value: 'left out', because }] : []));
}
