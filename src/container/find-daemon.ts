/** Finds a Docker daemon that answers, and what it runs: what a plan must know of it, and its containers. */
import type { Environment } from '../base/environment.ts';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { containerLabels, type DaemonAddress } from '../base/identity.ts';
import { DynamoError } from '../base/error.ts';
import type { ContainerSurvey, DaemonFacts, Lack, SeenContainer } from '../plan/container.ts';
import { answered, connect, type Obstacle, obstacleOf, said, silence } from './client.ts';
import type { Port } from 'dockerode';
import { messageOf } from '../base/error-code.ts';

const answerMs = 10_000;
/** Podman queries the package manager about its components: on a loaded host that took 9 s. Seen with 4.3.1. */
const infoMs = 60_000;

interface Lacking {
  readonly endpoint: Endpoint;
  readonly why: string;
  readonly obstacle: Obstacle | undefined;
}

/** Never rejects. */
export async function findDaemon(
  environment: Environment,
  home: string,
): Promise<{ readonly daemon: DaemonFacts } | { readonly problem: Lack }> {
  const lacking: Lacking[] = [];
  try {
    for (const endpoint of endpointsIn(environment, dockerSettings(environment, home))) {
      try {
        return { daemon: await lookAt(endpoint) };
      } catch (error) {
        const secure = isSecure(endpoint);
        const obstacle = obstacleOf(error, secure);
        lacking.push({ endpoint, obstacle, why: silence(error, secure) ?? refusal(error, obstacle) });
      }
    }
  } catch (error) {
    if (!(error instanceof DynamoError)) throw error;
    return { problem: { words: error.message.replace(/\.$/, ''), fix: error.hint ?? '' } };
  }
  return { problem: problemOf(lacking) };
}

/** What counts of an answer that is not typed. */
interface DaemonInfo {
  readonly SecurityOptions?: readonly string[] | null;
  readonly Rootless?: boolean;
}

async function lookAt({ because, ...address }: Endpoint): Promise<DaemonFacts> {
  const docker = connect(address);
  const { Version, Components } = await answered(docker.version(), answerMs);
  const { SecurityOptions, Rootless } = await answered(docker.info() as Promise<DaemonInfo>, infoMs);
  // The first is Docker's field, the second Podman's. Seen with 20.10 and 4.3.1.
  const rootless = (SecurityOptions ?? []).some((option) => option.includes('rootless')) || Rootless === true;
  return {
    ...address,
    because: `${because} at ${address.address} answers`,
    version: Version,
    // With a rootless daemon, root inside a container is this user outside.
    user: rootless ? '0:0' : `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`,
    // Rootless Podman joins the host network like any program.
    ...(rootless && Components?.[0]?.Name !== 'Podman Engine' ? { hostNetworkIsOwn: true } : {}),
  };
}

/** A daemon with TLS answers a plain request: `Client sent an HTTP request to an HTTPS server.` */
function refusal(error: unknown, obstacle: Obstacle | undefined): string {
  return obstacle === 'wants TLS' ? 'it requires TLS' : `it refuses to answer: ${said(error)}`;
}

function isSecure({ address, certificates }: Endpoint): boolean {
  return certificates !== undefined || address.startsWith('https:');
}

/** A daemon that refuses us is more informative than sockets that do not exist. */
function problemOf(lacking: readonly Lacking[]): Lack {
  const there = lacking.filter(({ obstacle }) => obstacle !== 'absent');
  const shown = there.length > 0 || lacking.length === 1 ? there : [];
  const words = (shown.length > 0 ? shown : lacking.slice(0, 1))
    .map(({ endpoint, why }) => `${endpoint.because} at ${endpoint.address}: ${why}`)
    .join('; ');
  return { words, fix: fixOf(there) };
}

function fixOf(there: readonly Lacking[]): string {
  if (there.some(({ obstacle }) => obstacle === 'forbidden'))
    return 'sudo usermod -aG docker "$USER"   # then log in again';
  if (there.some(({ obstacle }) => obstacle === 'wants TLS'))
    return 'export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=…';
  const secure = there.find(({ obstacle }) => obstacle === 'certificate');
  if (secure !== undefined) {
    const folder = secure.endpoint.certificates ?? '';
    return `openssl verify -CAfile ${folder}/ca.pem ${folder}/cert.pem`;
  }
  return 'sudo systemctl start docker';
}

/** `DOCKER_CONFIG` is the folder, else `~/.docker`. */
function dockerSettings({ DOCKER_CONFIG }: Environment, home: string): DockerSettings {
  const folder = DOCKER_CONFIG || join(home, '.docker');
  const { currentContext } = fieldsOf(join(folder, 'config.json'));
  return {
    folder,
    currentContext: typeof currentContext === 'string' ? currentContext : undefined,
    contextOf: (name) => contextIn(folder, name),
  };
}

/** Docker keeps a context under the digest of its name. Source: docker/cli, cli/context/store. */
function contextIn(folder: string, name: string): DaemonAddress | undefined {
  const digest = createHash('sha256').update(name).digest('hex');
  const { Endpoints } = fieldsOf(join(folder, 'contexts', 'meta', digest, 'meta.json'));
  const address = field(field(Endpoints, 'docker'), 'Host');
  if (typeof address !== 'string') return undefined;
  const tls = join(folder, 'contexts', 'tls', digest, 'docker');
  return { address, ...(address.startsWith('unix:') || !exists(tls) ? {} : { certificates: tls }) };
}

function exists(folder: string): boolean {
  try {
    readFileSync(join(folder, 'ca.pem'));
    return true;
  } catch {
    return false;
  }
}

function fieldsOf(file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? { ...value }[name as never] : undefined;
}

export interface Endpoint extends DaemonAddress {
  /** Where the address comes from. */
  readonly because: string;
}

/** What `~/.docker` says about the context in use. */
export interface DockerSettings {
  /** Their folder, which also holds the certificates unless DOCKER_CERT_PATH names another. */
  readonly folder: string;
  /** `currentContext` of config.json. */
  readonly currentContext?: string | undefined;
  /** Address and certificate folder of a context; `undefined` if it does not exist. */
  contextOf(name: string): DaemonAddress | undefined;
}

/** In the order in which they are tried; only one if it was named. Throws `unavailable` if that one cannot be used. Pure. */
export function endpointsIn(environment: Environment, settings: DockerSettings): readonly Endpoint[] {
  const { DOCKER_HOST, DOCKER_CONTEXT, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH } = environment;
  if (DOCKER_HOST) {
    const certificates =
      DOCKER_TLS_VERIFY && !DOCKER_HOST.startsWith('unix:')
        ? { certificates: DOCKER_CERT_PATH || settings.folder }
        : {};
    return [usable({ address: DOCKER_HOST, ...certificates, because: 'DOCKER_HOST' }, 'unset DOCKER_HOST')];
  }
  const context = DOCKER_CONTEXT || settings.currentContext;
  if (context !== undefined && context !== 'default') return [fromContext(context, settings)];
  return usualSockets(environment);
}

function fromContext(name: string, settings: DockerSettings): Endpoint {
  const found = settings.contextOf(name);
  const because = `Docker context ${name}`;
  if (found !== undefined) return usable({ ...found, because }, 'docker context use default');
  throw new DynamoError('unavailable', `The ${because} does not exist.`, {
    hint: 'docker context use default   # docker context ls lists them',
    fields: { asked: name },
  });
}

function usualSockets({ XDG_RUNTIME_DIR }: Environment): Endpoint[] {
  const sockets: [path: string, because: string][] = [
    ['/var/run/docker.sock', 'Docker'],
    ...(XDG_RUNTIME_DIR
      ? [
          [`${XDG_RUNTIME_DIR}/docker.sock`, 'rootless Docker'] satisfies [string, string],
          [`${XDG_RUNTIME_DIR}/podman/podman.sock`, 'rootless Podman'] satisfies [string, string],
        ]
      : []),
    ['/run/podman/podman.sock', 'Podman'],
  ];
  return sockets.map(([path, because]) => ({ address: `unix://${path}`, because }));
}

/** The daemon must be local: a container publishes its ports on the host of its daemon. */
function usable(endpoint: Endpoint, hint: string): Endpoint {
  const { address, because } = endpoint;
  if (/^unix:\/\/\/./.test(address)) return endpoint;
  const host = /^(?:tcp|https?):\/\/(\[[^\]]+\]|[^/:]+)/.exec(address)?.[1];
  if (host !== undefined && /^(localhost|127\.[\d.]+|\[::1\])$/.test(host)) return endpoint;
  if (host !== undefined || address.startsWith('ssh://')) {
    throw new DynamoError(
      'unavailable',
      `${because} names a Docker daemon on another host, ${withoutUser(address)}; the ports of its containers would not be on this host.`,
      { hint, fields: { address: withoutUser(address) } },
    );
  }
  throw new DynamoError(
    'unavailable',
    `${because} is ${JSON.stringify(address)}, which is neither unix:///path nor tcp://host:port.`,
    { hint, fields: { address } },
  );
}

function withoutUser(address: string): string {
  return address.replace(/\/\/[^@/]*@/, '//');
}

const listMs = 3_000;

/** Never rejects. */
export async function surveyContainers(
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
): Promise<ContainerSurvey> {
  const found = await findDaemon(environment, home);
  if ('problem' in found) return { problem: found.problem, containers: [] };
  const { daemon } = found;
  try {
    const listed = await answered(connect(daemon).listContainers({ all: true }), listMs);
    return {
      daemon,
      containers: listed.map(({ Names, Image, State, Labels, Ports }): SeenContainer => {
        const labels = Labels ?? {};
        return {
          name: (Names[0] ?? '').replace(/^\//, ''),
          image: Image,
          state: State,
          published: Ports.flatMap(({ IP = '', PublicPort }: Partial<Port>) =>
            PublicPort === undefined ? [] : [`${IP}:${PublicPort}`],
          ),
          runId: labels[containerLabels.run] ?? '',
          runFolder: labels[containerLabels.folder] ?? '',
        };
      }),
    };
  } catch (error) {
    const words = `its containers cannot be listed: ${messageOf(error)}`;
    return { problem: { words, fix: 'docker ps' }, containers: [] };
  }
}
