/**
 * A real Kubernetes API for tests: etcd, kube-apiserver, and of kube-controller-manager what deletes (garbage collection
 * and namespaces), on free ports, in a folder of its own. No operator, no scheduler and no kubelet: the test plays them.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { parseAllDocuments } from 'yaml';
import { until } from '../../support/until.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { folder as programs, isBuilt } from './build-control-plane.js';

const crds = fileURLToPath(new URL('../../fixtures/kubernetes/crds', import.meta.url));

export type Release = '1.1' | '1.2' | '1.3' | '1.4' | '1.5-main-2026-08-21';

export interface ControlPlane {
  readonly stored: 'v1alpha1' | 'v1beta1';
  readonly kubeconfig: string;
  /** Its answer on stdout; throws with what it said unless it ends with 0. */
  kubectl(words: readonly string[], input?: unknown): Promise<string>;
  json<T = Record<string, unknown>>(words: readonly string[]): Promise<T>;
  /** One request, which costs a hundredth of a kubectl; `undefined` for what is not there. A patch is a merge patch. */
  api<T = unknown>(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<T | undefined>;
  /** A namespace that nobody else has. */
  namespace(): Promise<string>;
  stop(): Promise<void>;
}

export const kubectlProgram = join(programs, 'kubectl');

/** `release`: whose CRD. The version under test is stored, as the webhook that converts is the operator's. */
export async function startControlPlane(
  release: Release,
  stored: 'v1alpha1' | 'v1beta1',
): Promise<ControlPlane> {
  if (!isBuilt())
    throw new Error(
      'kube-apiserver is not built: node test/real/kubernetes/build-control-plane.js (about ten minutes)',
    );
  const root = mkdtempSync('/tmp/k8s-');
  const children: { name: string; child: ChildProcess }[] = [];
  const start = (name: string, program: string, words: readonly string[]): void => {
    const log = openSync(join(root, `${name}.log`), 'a');
    const child = spawn(program, words, { cwd: root, stdio: ['ignore', log, log], detached: true });
    children.push({ name, child });
  };
  const stop = async (): Promise<void> => {
    for (const { child } of children.toReversed()) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null)
        await new Promise((resolve) => child.once('exit', resolve));
    }
    rmSync(root, { recursive: true, force: true });
  };
  try {
    const [client, peer, secure] = [await freePort(), await freePort(), await freePort()];
    const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
    start(
      'etcd',
      'etcd',
      [
        ['--data-dir', join(root, 'etcd'), '--unsafe-no-fsync'],
        ['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
        ['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
        ['--initial-cluster', `default=${peerUrl}`],
      ].flat(),
    );
    execFileSync('openssl', ['genrsa', '-out', join(root, 'sa.key'), '2048'], { stdio: 'ignore' });
    writeFileSync(
      join(root, 'tokens.csv'),
      'test-token,admin,1,"system:masters"\nguest-token,guest,2,"guests"\n',
    );
    start('kube-apiserver', join(programs, 'kube-apiserver'), [
      `--etcd-servers=${clientUrl}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${secure}`,
      `--cert-dir=${join(root, 'certs')}`,
      '--service-cluster-ip-range=10.0.0.0/24',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${join(root, 'sa.key')}`,
      `--service-account-signing-key-file=${join(root, 'sa.key')}`,
      `--token-auth-file=${join(root, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--disable-admission-plugins=ServiceAccount',
      '--endpoint-reconciler-type=none',
    ]);
    const url = `https://127.0.0.1:${secure}`;
    const kubeconfig = join(root, 'kubeconfig');
    writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(url)), { mode: 0o600 });
    const kubectl = async (words: readonly string[], input?: unknown): Promise<string> =>
      await runKubectl(['--kubeconfig', kubeconfig, '--cache-dir', join(root, 'cache'), ...words], input);
    await until(
      `kube-apiserver is ready; ${root}/kube-apiserver.log`,
      async () =>
        await callApi(secure, 'GET', '/readyz', undefined).then(
          () => true,
          () => false,
        ),
      60_000,
    );
    await kubectl(['apply', '--server-side', '-f', '-'], crdOf(release, stored));
    await until(
      'the API serves DynamoGraphDeployment',
      async () =>
        await kubectl(['get', 'dgd', '-A']).then(
          () => true,
          () => false,
        ),
      30_000,
    );
    // Afterwards: it looks for new kinds of owners every 30 s only.
    start('kube-controller-manager', join(programs, 'kube-controller-manager'), [
      `--kubeconfig=${kubeconfig}`,
      '--controllers=garbage-collector-controller,namespace-controller',
      '--leader-elect=false',
      '--secure-port=0',
    ]);
    let names = 0;
    return {
      stored,
      kubeconfig,
      kubectl,
      api: async (method, path, body) => await callApi(secure, method, path, body),
      json: async (words) => JSON.parse(await kubectl([...words, '-o', 'json'])),
      namespace: async () => {
        const name = `ns-${++names}`;
        await callApi(secure, 'POST', '/api/v1/namespaces', { metadata: { name } });
        return name;
      },
      stop,
    };
  } catch (error) {
    const logs = children.map(({ name }) => `${name}: ${tail(join(root, `${name}.log`))}`);
    await stop();
    throw new Error(logs.join('\n'), { cause: error });
  }
}

async function callApi<T>(port: number, method: string, path: string, body: unknown): Promise<T | undefined> {
  const kind = method === 'PATCH' ? 'merge-patch+json' : 'json';
  const headers = { authorization: 'Bearer test-token', 'content-type': `application/${kind}` };
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port, method, path, headers, rejectUnauthorized: false, timeout: 30_000 },
      (answer) => {
        let all = '';
        answer.setEncoding('utf8').on('data', (part: string) => (all += part));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: all }));
      },
    );
    call.on('error', reject).on('timeout', () => call.destroy(new Error('no answer within 30 s')));
    call.end(body === undefined ? '' : JSON.stringify(body));
  });
  if (status === 404) return undefined;
  if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`);
  return (text.startsWith('{') ? JSON.parse(text) : text) as T;
}

function user(name: string): unknown {
  return { name, user: { token: `${name === 'admin' ? 'test' : name}-token` } };
}

function context(name: string, who: string): unknown {
  return { name, context: { cluster: 'test', user: who } };
}

function kubeconfigOf(server: string): unknown {
  const cluster = { name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [cluster, { name: 'gone', cluster: { server: 'https://192.0.2.1:6443' } }],
    users: [user('admin'), user('guest')],
    contexts: [
      context('test', 'admin'),
      context('guest', 'guest'),
      // TEST-NET-1: packets to it are lost.
      { name: 'gone', context: { cluster: 'gone', user: 'admin' } },
    ],
    'current-context': 'test',
  };
}

function crdOf(release: Release, stored: string): unknown {
  const text = gunzipSync(readFileSync(join(crds, `${release}.yaml.gz`))).toString();
  const crd = parseAllDocuments(text)
    .map(
      (document) =>
        document.toJS() as {
          spec?: { conversion?: unknown; versions: { name: string; storage: boolean }[] };
        },
    )
    .find(({ spec }) => spec !== undefined);
  if (crd?.spec === undefined) throw new Error(`no CRD in ${release}`);
  crd.spec.conversion = { strategy: 'None' };
  for (const version of crd.spec.versions) version.storage = version.name === stored;
  return crd;
}

async function runKubectl(words: readonly string[], input?: unknown): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = execFile(
      kubectlProgram,
      words,
      { maxBuffer: 64 * 1024 ** 2, timeout: 30_000 },
      (error, stdout, stderr) =>
        error === null
          ? resolve(stdout)
          : reject(new Error(`kubectl ${words.join(' ')}: ${stderr}`, { cause: error })),
    );
    child.stdin
      ?.on('error', () => {})
      .end(input === undefined ? '' : typeof input === 'string' ? input : JSON.stringify(input));
  });
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-2_000);
  } catch {
    return '(no log)';
  }
}
