/**
 * A profile as a DynamoGraphDeployment, without a cluster: what each component runs, and why.
 *
 *   planManifest(profile, request: KubernetesRequest) → ManifestOutcome
 *     { kind: 'planned', manifest, graph, choices, runName, service, model, proof, provesReuse, dynamoVersion }
 *     { kind: 'refused', faults }   keys of the profile, each by its path; `placedRefusal` of src/profile finds their lines
 *
 * It throws DynamoError (`usage`, `environment`) for options. `manifestYaml` writes the first as YAML with its reasons.
 */
import { DynamoError } from '../base/error.ts';
import { chooseVersionFlags } from '../engine/version-flags.ts';
import type { PodDeployment, UpstreamKind } from '../engine/engine.ts';
import { autoEngines, upstreamEngines } from '../engine/engines.ts';
import { isPath } from '../plan/local-model.ts';
import type { Choice, ServingPlan } from '../plan/plan.ts';
import { runNameOf } from '../plan/run-name.ts';
import { replicasOf, routesByCache } from '../plan/replicas.ts';
import type { Profile } from '../profile/profile.ts';
import { yamlText } from '../profile/yaml-text.ts';
import { chooseImage } from './image.ts';
import { podsOf, sharedVariables } from './pods.ts';
import { choicesOf } from './reasons.ts';
import { spell } from './spelling.ts';
import {
  type KubernetesRequest,
  labels,
  managedBy,
  type Manifest,
  type ManifestFault,
  mediaFolder,
  type PodGraph,
} from './target.ts';
import { argumentProblem, manifestFaults, variableProblem } from './validate.ts';

export interface ManifestPlan {
  readonly kind: 'planned';
  readonly manifest: Manifest;
  readonly graph: PodGraph;
  readonly choices: readonly Choice[];
  /** Name of the run: the value of the label `labels.name`. */
  readonly runName: string;
  /** Of Dynamo in the image. */
  readonly dynamoVersion: string;
  readonly model: { readonly path: string; readonly servedName: string };
  readonly proof: Profile['proof'];
  /** The router sends requests to where their prefix is cached; proving that is part of the proof. */
  readonly provesReuse: boolean;
  /** Name of the Service that answers, at `frontendPort`. */
  readonly service: string;
}

export type ManifestOutcome =
  | ManifestPlan
  | { readonly kind: 'refused'; readonly faults: readonly ManifestFault[] };

const etcdAnnotation = { 'nvidia.com/dynamo-discovery-backend': 'etcd' };

export function planManifest(profile: Profile, request: KubernetesRequest): ManifestOutcome {
  requireOptions(request);
  const kind = engineFor(request.engine);
  const image = chooseImage(kind, request);
  const { versionFlags, warning } = chooseVersionFlags(image.version);
  const caller = { ...profile.env, ...request.env };
  const { reference: folder, version } = image;
  const home = { folder, version, python: 'python3', inImage: true, caller };
  const engine = kind.make({ home, versionFlags, device: 'gpu', tokenizer: '' });
  const runName = runNameOf(request.name, profile);
  const name = graphName(runName);
  const faults = manifestFaults(profile, {
    request,
    name,
    dynamoVersion: image.version,
    componentOf: (mode) => engine.componentOf(mode),
  });
  if (faults.length > 0) return { kind: 'refused', faults };
  const replicas = replicasOf(profile, request.replicas);
  const servedName = profile.servedModelName ?? profile.model;
  const deployment: PodDeployment = {
    target: 'kubernetes',
    profile,
    modelPath: profile.model,
    servedModelName: servedName,
    events: eventsOf(profile, request),
    mediaFolder,
  };
  const graph: PodGraph = {
    name,
    namespace: request.namespace,
    labels: { [labels.managed]: managedBy, [labels.name]: runName, [labels.profile]: profile.name },
    annotations: (request.discovery ?? profile.discovery) === 'etcd' ? etcdAnnotation : {},
    backendFramework: kind.backendFramework ?? kind.name,
    image: image.reference,
    runtimeVersion: image.override,
    hfSecret: request.hfSecret,
    modelCache: request.modelCache,
    ...sharedVariables(podsOf(deployment, engine, request)),
  };
  return {
    kind: 'planned',
    manifest: spell(graph, request.apiVersion),
    graph,
    choices: [
      ...image.choices,
      ...(warning === undefined ? [] : [{ what: 'version', value: image.version, because: warning }]),
      ...choicesOf(profile, request, { graph, runName }),
    ],
    runName,
    dynamoVersion: image.version,
    model: { path: profile.model, servedName },
    proof: profile.proof,
    provesReuse: routesByCache(replicas) && profile.proof.request === 'chat',
    service: `${name}-frontend`,
  };
}

/** For `kubectl apply -f -`; the reasons are comments at the top. */
export function manifestYaml({ manifest, choices, graph }: ManifestPlan): string {
  const width = Math.max(...choices.map(({ what }) => what.length));
  return yamlText(manifest, [
    `${graph.name}: made by dynamo plan --on kubernetes. To apply it: kubectl apply --server-side -f -`,
    ...choices.map(({ what, value, because }) => `${what.padEnd(width)}  ${value}: ${because}`),
  ]);
}

/** Throws `usage` for an engine that Dynamo's operator does not know. */
function engineFor(asked: string | undefined): UpstreamKind {
  const kinds: readonly UpstreamKind[] = Object.values(upstreamEngines);
  const kind =
    asked === undefined || asked === 'auto' ? autoEngines.real : kinds.find(({ name }) => name === asked);
  if (kind?.backendFramework !== undefined) return kind;
  const known = kinds.flatMap(({ name, backendFramework }) => (backendFramework === undefined ? [] : [name]));
  throw new DynamoError('usage', `--engine ${asked}: Dynamo's operator on Kubernetes cannot run it.`, {
    fields: { option: '--engine', asked, choices: known },
    hint: `--engine ${known.join(' or ')}, or without --on kubernetes`,
    impossible: true,
  });
}

/** Names of Services begin with a letter and have no `_`. Throws `usage` if the name cannot be changed accordingly. */
function graphName(runName: string): string {
  const name = runName.replaceAll('_', '-').replace(/-+$/, '');
  if (/^[a-z]/.test(name)) return name;
  throw new DynamoError('usage', `On Kubernetes a deployment cannot have the name ${runName}.`, {
    fields: { option: '--name', asked: runName },
    hint: `--name d${name}   # one that begins with a letter`,
  });
}

function requireOptions({
  env,
  rawArgs,
  modelCache,
  namespace,
  hfSecret,
  discovery,
}: KubernetesRequest): void {
  if (discovery === 'file')
    throw new DynamoError('usage', '--discovery file: pods share no folder.', {
      hint: 'leave it out: pods find each other through Kubernetes',
    });
  for (const [name, value] of Object.entries(env)) {
    const problem = variableProblem(name, value);
    if (problem !== undefined)
      throw new DynamoError('usage', `--env ${name}: ${problem.message}.`, {
        fields: { option: '--env', variable: name },
        hint: problem.fix,
      });
  }
  const problem = argumentProblem(rawArgs);
  if (problem !== undefined)
    throw new DynamoError('usage', `The arguments after --: ${problem.message}.`, { hint: problem.fix });
  const names = { '--namespace': namespace, '--hf-secret': hfSecret, '--model-cache': modelCache?.claim };
  for (const [flag, name] of Object.entries(names)) {
    if (name === undefined || isObjectName(name)) continue;
    throw new DynamoError('usage', `${flag} ${JSON.stringify(name)}: not a name that Kubernetes takes.`, {
      fields: { option: flag, asked: name },
      hint: `${flag} NAME   # lower-case letters, digits and -`,
    });
  }
  if (
    modelCache !== undefined &&
    (!modelCache.path.startsWith('/') || modelCache.path === '/' || !isPath(modelCache.path))
  )
    throw new DynamoError('usage', `--model-cache: ${modelCache.path} is no folder of a pod.`, {
      fields: { option: '--model-cache', asked: modelCache.path },
      hint: `--model-cache ${modelCache.claim}:/models`,
    });
}

function isObjectName(name: string): boolean {
  return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name) && name.length <= 63;
}

function eventsOf(profile: Profile, { events }: KubernetesRequest): ServingPlan['events'] {
  const asked = events ?? profile.events;
  return asked === 'auto' ? 'zmq' : asked;
}
