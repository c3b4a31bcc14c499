/** Turns a command line into a request to a cluster: the manifest, what it needs there, and how to prove it. */
import { createInterface } from 'node:readline/promises';
import { DynamoError } from '../../base/error.ts';
import type { ClusterRequest } from '../../kubernetes/bring-up.ts';
import type { Kubectl } from '../../kubernetes/kubectl.ts';
import type { ClusterNeeds } from '../../kubernetes/checks/cluster-check.ts';
import type { ServedAs } from '../../kubernetes/records.ts';
import type { ApiVersion, PodGraph } from '../../kubernetes/target.ts';
import type { ManifestPlan } from '../../kubernetes/manifest.ts';
import { newRunId } from '../../run/folders.ts';
import { canAsk } from '../operands.ts';
import { type AskedManifest, makeManifest } from './manifest-options.ts';

/** Pulling an image of 10 GB and downloading a model can take most of it. `--timeout` changes it. */
const defaultTimeoutMs = 3_600_000;

export interface AskedRequest extends ClusterRequest {
  /** For the newest version of the API; the cluster may need an older one. */
  readonly plan: ManifestPlan;
}

/** Throws if the profile cannot run on Kubernetes, with the lines of the profile. */
export async function clusterRequest(
  { place }: Kubectl,
  asked: AskedManifest,
  { detached = false, mayChange = false }: { readonly detached?: boolean; readonly mayChange?: boolean } = {},
): Promise<AskedRequest> {
  const flags = { ...asked.flags, namespace: place.namespace };
  const plan = await makeManifest({ ...asked, flags });
  return {
    plan,
    runId: newRunId(plan.graph.name),
    name: plan.runName,
    graph: plan.graph.name,
    served: servedAs(asked, plan),
    needs: needsOf(plan.graph),
    detached,
    mayChange,
    timeoutMs: flags.timeout === undefined ? defaultTimeoutMs : flags.timeout * 1000,
    httpPort: flags.httpPort,
    mayRecreate: async (why) => canAsk() && (await mayRecreate(plan.graph.name, why)),
    manifest: async (version) => {
      const { apiVersion = version } = flags;
      // Operators of 1.1 serve nothing else; all newer ones serve both.
      if (apiVersion !== version && version === 'v1alpha1') throw notServed(apiVersion, version);
      return (await makeManifest({ ...asked, flags }, apiVersion)).manifest;
    },
  };
}

function notServed(asked: ApiVersion, version: ApiVersion): DynamoError {
  return new DynamoError('usage', `--api-version ${asked}: the cluster serves only ${version}.`, {
    hint: 'leave --api-version out',
    fields: { option: '--api-version', asked, choices: [version] },
  });
}

async function mayRecreate(graph: string, why: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await new Promise<string>((resolve) => {
      // On Ctrl-C and Ctrl-D, the question fails or is never answered, depending on the version of Node.
      terminal.once('close', () => resolve(''));
      const question = `${why}\nDelete ${graph} with all of its pods, and create it again? [y/N] `;
      void terminal.question(question).then(resolve, () => resolve(''));
    });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

function servedAs(
  { profile }: AskedManifest,
  { model, proof, provesReuse, graph, service }: ManifestPlan,
): ServedAs {
  return {
    profile: profile.name,
    model: model.servedName,
    modelPath: model.path,
    proof,
    provesReuse,
    modes: Object.fromEntries(
      graph.components.flatMap(({ name, mode }) => (mode === undefined ? [] : [[name, mode]])),
    ),
    service,
  };
}

export function needsOf({ components, hfSecret, modelCache }: PodGraph): ClusterNeeds {
  const sum = (count: (component: PodGraph['components'][number]) => number): number =>
    components.reduce(
      (total, component) => total + count(component) * component.replicas * component.nodes,
      0,
    );
  return {
    hfSecret,
    claim: modelCache?.claim,
    gpusPerPod: Math.max(0, ...components.map(({ gpusPerPod }) => gpusPerPod)),
    gpus: sum(({ gpusPerPod }) => gpusPerPod),
    pods: sum(() => 1),
    multinode: components.filter(({ nodes }) => nodes > 1).map(({ name }) => name),
  };
}
