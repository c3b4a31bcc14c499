/** Options about the manifest for Kubernetes, and the request that they result in. */
import { type Command, Option } from 'commander';
import { DynamoError } from '../../base/error.ts';
import { profileLibrary } from '../../deployment/load-profile.ts';
import { type ManifestPlan, planManifest } from '../../kubernetes/manifest.ts';
import {
  type ApiVersion,
  apiVersions,
  cacheFolder,
  type KubernetesRequest,
  type ModelCache,
} from '../../kubernetes/target.ts';
import type { Profile } from '../../profile/profile.ts';
import { type DeploymentFlags, settingsOf } from '../up/deployment-options.ts';

export interface ManifestFlags {
  readonly on?: 'kubernetes';
  readonly namespace?: string;
  readonly hfSecret?: string;
  readonly modelCache?: ModelCache;
  readonly apiVersion?: ApiVersion;
  readonly dynamoVersion?: string;
}

export function addManifestOptions(command: Command): Command {
  return command
    .addOption(new Option('--on <target>', 'where it runs; default: this machine').choices(['kubernetes']))
    .option('--namespace <name>', 'on Kubernetes: the namespace of the deployment')
    .option('--hf-secret <name>', 'on Kubernetes: a Secret with HF_TOKEN, for models that need a login')
    .option(
      '--model-cache <claim[:path]>',
      'on Kubernetes: a PersistentVolumeClaim for models; default path: the cache of Hugging Face',
      modelCache,
    )
    .addOption(
      new Option('--api-version <version>', 'on Kubernetes: version of the DynamoGraphDeployment').choices([
        ...apiVersions,
      ]),
    )
    .option(
      '--dynamo-version <version>',
      'on Kubernetes: version of Dynamo in the image, if its tag does not say',
    );
}

function modelCache(text: string): ModelCache {
  const [claim = '', path = cacheFolder] = text.split(/:(.*)/s);
  return { claim, path: path.length > 1 ? path.replace(/\/+$/, '') : path };
}

/** Options about this machine. Verbs that use one on a cluster, too, list it as `meaningful`. */
const localOptions = {
  gpus: '--gpus',
  httpHost: '--http-host',
  httpPort: '--http-port',
  runtime: '--runtime',
  ptrace: '--ptrace',
  python: '--python',
  observe: '--observe',
  grafana: '--grafana',
  planner: '--planner',
  persist: '--persist',
  logLimit: '--log-limit',
  stopTimeout: '--stop-timeout',
  timeout: '--timeout',
} as const satisfies Partial<Record<keyof DeploymentFlags, string>>;

/** Throws `usage` for options about this machine with `--on kubernetes`, and for options of Kubernetes without it. */
export function requireTarget(
  flags: DeploymentFlags & ManifestFlags,
  meaningful: readonly (keyof typeof localOptions)[] = [],
): void {
  if (flags.on === undefined) {
    const stray = Object.entries(manifestOptions).find(
      ([key]) => flags[key as keyof ManifestFlags] !== undefined,
    );
    if (stray === undefined) return;
    throw new DynamoError('usage', `${stray[1]} has a meaning on Kubernetes only.`, {
      fields: { option: stray[1] },
      hint: 'add --on kubernetes',
    });
  }
  const wrong = Object.entries(localOptions).find(
    ([key]) =>
      flags[key as keyof typeof localOptions] !== undefined && !meaningful.some((each) => each === key),
  );
  const flag = wrong?.[1] ?? (flags.infra === 'auto' ? undefined : '--infra');
  if (flag === undefined) return;
  throw new DynamoError('usage', `${flag} has no meaning on Kubernetes.`, {
    fields: { option: flag },
    hint: `leave ${flag} out`,
  });
}

const manifestOptions = {
  namespace: '--namespace',
  hfSecret: '--hf-secret',
  modelCache: '--model-cache',
  apiVersion: '--api-version',
  dynamoVersion: '--dynamo-version',
} as const satisfies Partial<Record<keyof ManifestFlags, string>>;

export interface AskedManifest {
  /** As typed: a name, an alias, a file. */
  readonly asked: string;
  readonly profile: Profile;
  readonly flags: DeploymentFlags & ManifestFlags;
  readonly rawArgs: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** `apiVersion`: what the cluster serves, if known. Throws `usage` with the line of each faulty key. */
export async function makeManifest(
  { asked, profile, flags, rawArgs, environment }: AskedManifest,
  apiVersion: ApiVersion = flags.apiVersion ?? apiVersions[0],
): Promise<ManifestPlan> {
  const outcome = planManifest(profile, requestOf({ flags, rawArgs, environment }, apiVersion));
  if (outcome.kind === 'planned') return outcome;
  const { placedRefusal } = await import('../../profile/assemble.ts');
  throw await placedRefusal(asked, 'Kubernetes', outcome.faults, {
    ...profileLibrary(environment),
    settings: settingsOf(flags),
    environment,
  });
}

function requestOf(
  { flags, rawArgs, environment }: Pick<AskedManifest, 'flags' | 'rawArgs' | 'environment'>,
  apiVersion: ApiVersion,
): KubernetesRequest {
  const { DYNAMO_RUNTIME_IMAGE: variable } = environment;
  const image =
    flags.image.runtime !== undefined
      ? { reference: flags.image.runtime, from: '--image' }
      : variable
        ? { reference: variable, from: 'DYNAMO_RUNTIME_IMAGE' }
        : undefined;
  return {
    apiVersion,
    engine: flags.engine,
    name: flags.name,
    namespace: flags.namespace,
    image,
    dynamoVersion: flags.dynamoVersion,
    hfSecret: flags.hfSecret,
    modelCache: flags.modelCache,
    discovery: flags.discovery,
    events: flags.events,
    replicas: flags.replicas,
    env: flags.env,
    rawArgs,
  };
}
