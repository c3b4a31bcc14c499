/** Finds what a profile cannot have on Kubernetes, including what only the operator would refuse: the key, and what to do instead. */
import { conceal, concealWords, isSecret } from '../base/secrets.ts';
import { compareVersions } from '../base/package-version.ts';
import { isPath } from '../plan/local-model.ts';
import type { Profile, WorkerMode, WorkerSpec } from '../profile/profile.ts';
import type { KubernetesRequest, ManifestFault } from './target.ts';

/** What the checks need to know beside the profile. */
export interface ValidationView {
  readonly request: Pick<KubernetesRequest, 'modelCache' | 'env' | 'discovery'>;
  /** Of the graph. */
  readonly name: string;
  readonly dynamoVersion: string;
  readonly componentOf: (mode: WorkerMode) => string;
}

type Components = readonly (readonly [name: string, spec: Profile['components'][string]])[];

export function manifestFaults(profile: Profile, view: ValidationView): ManifestFault[] {
  const components = Object.entries(profile.components);
  return [
    ...deviceFaults(profile),
    ...planeFaults(profile, view),
    ...modelFaults(profile, view),
    ...tracingFaults(profile, view),
    ...variableFaults(['env'], profile.env),
    ...nameFaults(components, view),
    ...components.flatMap(([name, spec]) => [
      ...variableFaults(['components', name, 'env'], spec.env),
      ...argumentFaults(['components', name, 'engineArgs'], spec.engineArgs.sglang ?? []),
      ...(spec.kind === 'worker' ? workerFaults(name, spec, view) : []),
    ]),
  ];
}

function deviceFaults({ device }: Profile): ManifestFault[] {
  if (device === 'gpu') return [];
  return [
    {
      path: ['device'],
      message: 'device: cpu: the image for Kubernetes runs on GPUs only',
      fix: 'device: gpu, or run it on this machine: without --on kubernetes',
    },
  ];
}

function planeFaults({ discovery, infra }: Profile, { request }: ValidationView): ManifestFault[] {
  const faults: ManifestFault[] = [];
  if (request.discovery === undefined && discovery === 'file') {
    faults.push({
      path: ['discovery'],
      message: 'discovery: file: pods share no folder',
      fix: 'discovery: auto, with which they find each other through Kubernetes',
    });
  }
  if (infra !== undefined) {
    faults.push({
      path: ['infra'],
      message: "infra: pods get the addresses of etcd and NATS from Dynamo's platform",
      fix: 'remove it, and name yours in the values of the chart dynamo-platform',
    });
  }
  return faults;
}

/** Pods do not see files of this machine, but they see those of the model cache. */
function modelFaults({ model }: Profile, { request: { modelCache } }: ValidationView): ManifestFault[] {
  if (!isPath(model) || isWithin(model, modelCache?.path)) return [];
  return [
    {
      path: ['model'],
      message: `model: ${model} is a folder of this machine, which pods do not see`,
      fix:
        modelCache === undefined
          ? 'take a model of Hugging Face, or copy it to a volume: --model-cache CLAIM:/models --model /models/NAME'
          : `give its path in the volume: --model ${modelCache.path}/NAME`,
    },
  ];
}

function isWithin(path: string, folder: string | undefined): boolean {
  return folder !== undefined && (path === folder || path.startsWith(`${folder.replace(/\/$/, '')}/`));
}

function tracingFaults({ tracing, env }: Profile, { request }: ValidationView): ManifestFault[] {
  const given = { ...env, ...request.env };
  if (!tracing || collectors.some((name) => given[name])) return [];
  return [
    {
      path: ['tracing'],
      message: 'tracing: true, and nothing says where the collector is; in a pod, localhost is the pod',
      fix: 'add --env OTEL_EXPORTER_OTLP_ENDPOINT=http://COLLECTOR:4317',
    },
  ];
}

const collectors = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];

/**
 * Variables for discovery, probes and GPUs. The user's would override the operator's.
 * Source: docs/upstream/kubernetes.md#what-the-operator-adds.
 */
const operatorVariables =
  /^(DYN_(HTTP_PORT|NAMESPACE(_PREFIX|_WORKER_SUFFIX)?|COMPONENT|DISCOVERY_BACKEND|SYSTEM_(HOST|PORT|ENABLED|USE_ENDPOINT_HEALTH_STATUS|STARTING_HEALTH_STATUS)|PARENT_DGD_\w+)|DYNAMO_PORT|POD_(NAME|NAMESPACE|UID)|CUDA_VISIBLE_DEVICES)$/;

function variableFaults(path: readonly string[], env: Readonly<Record<string, string>>): ManifestFault[] {
  return Object.entries(env).flatMap(([name, value]): ManifestFault[] => {
    const problem = variableProblem(name, value);
    if (problem === undefined) return [];
    return [
      {
        path: [...path, name],
        message: `${[...path, name].join('.')}: ${problem.message}`,
        fix: problem.fix,
      },
    ];
  });
}

/** `undefined` if the variable may be in a manifest. */
export function variableProblem(
  name: string,
  value: string,
): { readonly message: string; readonly fix: string } | undefined {
  if (operatorVariables.test(name))
    return { message: "is set by Dynamo's operator, whose Services and probes rely on it", fix: 'remove it' };
  if (!isSecret(name, value) && conceal(value) === value) return undefined;
  return {
    message: 'a secret must not be in the manifest, where everyone with read access sees it',
    // Other users can list command lines, so the value must not be in one.
    fix: `printf %s "$${name}" | kubectl create secret generic NAME --from-file=${name}=/dev/stdin, then --hf-secret NAME`,
  };
}

/** Source: docs/upstream/kubernetes.md#fields, on multinode. */
const rankFlag = /^--(nnodes|node-rank|dist-init-addr)(=|$)/;

function argumentFaults(path: readonly string[], words: readonly string[]): ManifestFault[] {
  const problem = argumentProblem(words);
  if (problem === undefined) return [];
  return [{ path, message: `${path.join('.')}: ${problem.message}`, fix: problem.fix }];
}

export function argumentProblem(
  words: readonly string[],
): { readonly message: string; readonly fix: string } | undefined {
  const rank = words.find((word) => rankFlag.test(word));
  if (rank !== undefined) {
    return {
      message: `${rank.replace(/=.*/s, '')} is given to each pod by Dynamo's operator`,
      fix: 'use nodes: N of the component',
    };
  }
  if (concealWords(words).every((word, i) => word === words[i])) return undefined;
  return {
    message: 'a secret must not be in the manifest, where everyone with read access sees it',
    fix: 'give it as a variable of a Secret: --hf-secret NAME',
  };
}

/** Source: docs/upstream/kubernetes.md#fields. */
const mostComponents = 25;
/** Limit for the names of graph and component together: Grove builds pod names from both. */
const longestNames = 45;
/** For a component on several nodes Grove repeats its name and adds `-ldr` or `-wkr`. */
const rankSuffix = 4;

function nameFaults(components: Components, { name: graph }: ValidationView): ManifestFault[] {
  const faults: ManifestFault[] = [];
  if (components.length > mostComponents) {
    faults.push({
      path: ['components'],
      message: `components: ${components.length}, and a DynamoGraphDeployment takes ${mostComponents}`,
      fix: 'use replicas of a component',
    });
  }
  for (const [name, spec] of components) {
    const path = ['components', name];
    const nodes = spec.kind === 'worker' ? spec.nodes : 1;
    const shown = spec.kind === 'frontend' ? 'frontend' : name;
    const length = graph.length + shown.length * (nodes > 1 ? 2 : 1) + (nodes > 1 ? rankSuffix : 0);
    if (name.endsWith('-')) {
      faults.push({
        path,
        message: `${path.join('.')}: a name on Kubernetes ends with a letter or a digit`,
        fix: `${name.replace(/-+$/, '')}:`,
      });
    } else if (spec.kind === 'worker' && name === 'frontend') {
      faults.push({
        path,
        message: `${path.join('.')}: the Service of a deployment goes to the component of this name, and this is a worker`,
        fix: 'rename it',
      });
    } else if (length > longestNames) {
      faults.push({
        path,
        message: `${path.join('.')}: its pods would have names of more than ${longestNames} characters with the deployment ${graph} (${length}), which Grove refuses`,
        fix: `rename it, or give the deployment a name of up to ${Math.max(1, graph.length - (length - longestNames))} characters: --name NAME`,
      });
    }
  }
  return faults;
}

function workerFaults(name: string, spec: WorkerSpec, view: ValidationView): ManifestFault[] {
  const at = `components.${name}`;
  const path = ['components', name];
  const faults: ManifestFault[] = [];
  if (spec.shareGpuWith !== undefined) {
    faults.push({
      path: [...path, 'shareGpuWith'],
      message: `${at}.shareGpuWith: two pods cannot have one GPU unless the cluster slices it`,
      fix: 'remove it, so that each has a GPU of its own',
    });
  }
  if (spec.nodes > 1 && spec.kvEvents && compareVersions(view.dynamoVersion, '1.5') < 0) {
    faults.push({
      path: [...path, 'kvEvents'],
      message: `${at}.kvEvents: up to Dynamo 1.4 every node of a worker would publish the same events, and the image has ${view.dynamoVersion}`,
      fix: 'kvEvents: false here and in the router of the frontend, or an image of 1.5 or newer',
    });
  }
  const [, component, endpoint] = spec.endpoint?.split('.') ?? [];
  if (component !== undefined && (component !== view.componentOf(spec.mode) || endpoint !== 'generate')) {
    faults.push({
      path: [...path, 'endpoint'],
      message: `${at}.endpoint: on Kubernetes the operator decides where workers register`,
      fix: 'remove it',
    });
  }
  for (const [key, file] of filesOf(spec)) {
    if (isWithin(file, view.request.modelCache?.path)) continue;
    faults.push({
      path: [...path, ...key],
      message: `${[at, ...key].join('.')}: ${file} is a file of this machine, which pods do not see`,
      fix: 'copy it to a volume, and give its path there: --model-cache CLAIM:/models',
    });
  }
  return faults;
}

/** Chat templates and settings of a decoding algorithm can be files; SGLang also has built-in templates with plain names. */
function filesOf({
  chatTemplate,
  diffusion,
}: WorkerSpec): (readonly [key: readonly string[], file: string])[] {
  const config = diffusion?.config;
  return [
    ...(chatTemplate !== undefined && /\/|\.\w+$/.test(chatTemplate)
      ? ([[['chatTemplate'], chatTemplate]] as const)
      : []),
    ...(config === undefined ? [] : ([[['diffusion', 'config'], config]] as const)),
  ];
}
