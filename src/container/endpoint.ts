/** Where a Docker daemon may be: what the environment and Docker's own settings say, else the usual sockets. Pure. */
import type { DaemonAddress } from '../base/identity.ts';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';

export interface Endpoint extends DaemonAddress {
  /** Who says so. */
  readonly because: string;
}

/** What `~/.docker` holds about the context that is in use. */
export interface DockerSettings {
  /** Where they are: certificates, too, unless DOCKER_CERT_PATH says otherwise. */
  readonly folder: string;
  /** `currentContext` of config.json. */
  readonly currentContext?: string | undefined;
  /** Address and folder of certificates of a context; `undefined` for one that is not there. */
  contextOf(name: string): DaemonAddress | undefined;
}

/** In the order in which they are tried: a named one is the only one. Throws `unavailable` for one that cannot serve. */
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
    hint: 'docker context use default   # docker context ls shows what there is',
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

/** Ports that a container publishes appear where its daemon runs. */
function usable(endpoint: Endpoint, fix: string): Endpoint {
  const { address, because } = endpoint;
  if (/^unix:\/\/\/./.test(address)) return endpoint;
  const host = /^(?:tcp|https?):\/\/(\[[^\]]+\]|[^/:]+)/.exec(address)?.[1];
  if (host !== undefined && /^(localhost|127\.[\d.]+|\[::1\])$/.test(host)) return endpoint;
  const hint = `${fix}   # or: --infra process`;
  if (host !== undefined || address.startsWith('ssh://')) {
    throw new DynamoError(
      'unavailable',
      `${because} names a Docker on another host, ${withoutUser(address)}: the ports of its containers are not on this host.`,
      { hint },
    );
  }
  throw new DynamoError(
    'unavailable',
    `${because} is ${JSON.stringify(address)}, which is neither unix:///path nor tcp://host:port.`,
    { hint },
  );
}

function withoutUser(address: string): string {
  return address.replace(/\/\/[^@/]*@/, '//');
}
