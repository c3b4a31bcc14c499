/** The addresses to use on each target: where servers listen, and where KV events are published. */
import { DynamoError } from '../base/error.ts';
import { type Deployment, type LocalDeployment, loopback, type Rank } from './engine.ts';

interface Spelling {
  /** Where servers listen for other processes of the deployment. */
  readonly listen: string;
  /** The same for ZeroMQ sockets of SGLang. */
  readonly publish: string;
}

export function spellingFor(deployment: Deployment): Spelling {
  if (deployment.target === 'kubernetes') return { listen: '0.0.0.0', publish: '*' };
  const { address } = deployment.network;
  return { listen: address, publish: spansHosts(deployment) ? '*' : loopbackForZmq };
}

/**
 * SGLang publishes only if the address contains a star or a double colon, as this form of loopback does: ZeroMQ reads it
 * as 127.0.0.1, without IPv6. The worker itself connects to SGLANG_HOST_IP. Seen with SGLang 0.5.16.
 */
const loopbackForZmq = '[::ffff:127.0.0.1]';

/** Whether other hosts run a part of the deployment. */
export function spansHosts({ network }: LocalDeployment): boolean {
  return network.address !== loopback.address;
}

/** `10.0.0.1:29500`, with an IPv6 address in brackets. */
export function meetingPoint({ meet: { host, port } }: Rank): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Throws `usage` on a cluster, where the embedded engine has no image. */
export function requireLocal(deployment: Deployment, engine: string): LocalDeployment {
  if (deployment.target === 'local') return deployment;
  throw new DynamoError('usage', `The engine ${engine} runs on this machine only.`, {
    hint: 'omit --engine, or omit --on kubernetes',
    fields: { engine },
  });
}
