/** Checks of kubectl, the cluster and Dynamo's platform on it. */
import { compareVersions } from '../../base/package-version.ts';
import { fail, ok, skip, warn } from '../../doctor/check.ts';
import { objectOf, textOf } from '../../smoke/answers.ts';
import { servedVersion } from '../cluster.ts';
import type { Call, Kubectl } from '../kubectl.ts';
import { itemsOf, parseJson } from '../parse-objects.ts';
import { type Problem, problemError } from '../problem.ts';
import { type ClusterCheck, failOf } from './cluster-check.ts';

/** As upstream's charts require. Source: docs/upstream/kubernetes.md#install-and-reach. */
const oldestCluster = '1.30';

/** The first with `apply --server-side`; 1.20.2 was seen to do all that is needed, with Kubernetes 1.36.3. */
const oldestKubectlMinor = 16;
/** Between kubectl and cluster. Source: https://kubernetes.io/releases/version-skew-policy/#kubectl. */
const supportedSkew = 1;

export const kubectlCheck: ClusterCheck = {
  id: 'K1',
  name: 'kubectl',
  title: 'kubectl runs, and is of a version that Kubernetes supports with this cluster',
  beforeUp: false,
  look: async (kubectl, _, call) => {
    const answer = await kubectl.run(['version', '-o', 'json'], call);
    const versions = parseJson(answer.stdout);
    const version = versionIn(versions?.['clientVersion']);
    if (version === undefined)
      return fail(`kubectl does not run: ${answer.stderr}`, 'kubectl version --client');
    if (minorOf(version) < oldestKubectlMinor)
      return fail(`kubectl ${version}; 1.${oldestKubectlMinor} or newer is needed`, install);
    const cluster = versionIn(versions?.['serverVersion']);
    const skew = Math.abs(minorOf(version) - minorOf(cluster ?? version));
    if (skew <= supportedSkew) return ok(`kubectl ${version}`);
    return warn(
      `kubectl ${version} and Kubernetes ${cluster} are ${skew} minor releases apart; Kubernetes supports ${supportedSkew}`,
      install,
    );
  },
};

const install = 'https://kubernetes.io/docs/tasks/tools/   # how to install it';

function versionIn(value: unknown): string | undefined {
  return textOf(objectOf(value)['gitVersion']);
}

/** `v1.36.3` and `v1.32.4-dispatcher`. */
function minorOf(version: string): number {
  return Number(/^v?\d+\.(\d+)/.exec(version)?.[1]);
}

export const clusterCheck: ClusterCheck = {
  id: 'K2',
  name: 'cluster',
  title: `the cluster answers and has Kubernetes ${oldestCluster} or newer`,
  beforeUp: false,
  look: async (kubectl, _, call) => {
    const answer = await kubectl.run(['version', '-o', 'json'], call);
    const version = versionIn(parseJson(answer.stdout)?.['serverVersion']);
    if (version === undefined) {
      const { message, hint } = await whyNot(kubectl, call);
      return fail(message, hint);
    }
    if (compareVersions(version.replace(/^v/, ''), oldestCluster) < 0)
      return fail(
        `Kubernetes ${version}; Dynamo's platform needs ${oldestCluster} or newer`,
        'upgrade the cluster',
      );
    return ok(
      `Kubernetes ${version}${kubectl.place.context === undefined ? '' : `, context ${kubectl.place.context}`}`,
    );
  },
};

async function whyNot(kubectl: Kubectl, call: Call): Promise<{ message: string; hint: string }> {
  const version = await servedVersion(kubectl, call);
  const problem: Problem =
    version.kind === 'problem'
      ? version.problem
      : { kind: 'unreachable', said: 'it does not say its version' };
  const error = problemError(problem, kubectl, 'no answer');
  return {
    message: `${error.message.replace(/\.$/, '')} (${problem.said})`,
    hint: error.hint ?? kubectl.line('version'),
  };
}

export const resourceCheck: ClusterCheck = {
  id: 'K3',
  name: 'dynamo-platform',
  title: 'the cluster has DynamoGraphDeployment',
  beforeUp: false,
  look: async (kubectl, _, call) => {
    const version = await servedVersion(kubectl, call);
    if (version.kind === 'problem')
      return failOf(version.problem, kubectl, 'the cluster does not serve DynamoGraphDeployment');
    return ok(`nvidia.com/${version.value}`);
  },
};

/** Found by the name that upstream's chart gives it. */
export const operatorCheck: ClusterCheck = {
  id: 'K4',
  name: 'dynamo-operator',
  title: "Dynamo's operator is available",
  beforeUp: false,
  look: async (kubectl, _, call) => {
    const answer = await kubectl.run(['get', 'deployments', '--all-namespaces', '-o', 'json'], call);
    if (answer.code !== 0) return skip('this user cannot list the Deployments of all namespaces');
    const found = itemsOf(answer.stdout)
      .map(objectOf)
      .find(({ metadata }) => /dynamo-operator/.test(textOf(objectOf(metadata)['name']) ?? ''));
    if (found === undefined)
      return warn(
        'there is no Deployment named dynamo-operator',
        'helm list --all-namespaces   # is dynamo-platform there?',
      );
    const { metadata, status } = found;
    const where = `${textOf(objectOf(metadata)['namespace'])}/${textOf(objectOf(metadata)['name'])}`;
    const available = Number(objectOf(status)['availableReplicas'] ?? 0);
    if (available > 0) return ok(`${where}: ${available} available`);
    const [namespace = '', name = ''] = where.split('/');
    return fail(
      `${where} has no replica that is available`,
      kubectl.clusterLine('-n', namespace, 'describe', 'deployment', name),
    );
  },
};
