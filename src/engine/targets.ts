/** How each target spells what engines name: where a server listens, and where KV events are published. */
import { DynamoError } from '../base/error.ts';
import type { Deployment, LocalDeployment } from './engine.ts';

interface Spelling {
  /** Where servers listen that other processes of the deployment use. */
  readonly listen: string;
  /** The same for ZeroMQ sockets of SGLang. */
  readonly publish: string;
}

const spellings: Readonly<Record<Deployment['target'], Spelling>> = {
  /**
   * SGLang publishes only where the address holds a star or a double colon, and this is loopback with one: ZeroMQ takes it
   * as 127.0.0.1, without IPv6. The worker beside it connects on SGLANG_HOST_IP. Seen with SGLang 0.5.16.
   */
  local: { listen: '127.0.0.1', publish: '[::ffff:127.0.0.1]' },
  kubernetes: { listen: '0.0.0.0', publish: '*' },
};

export function spellingFor({ target }: Pick<Deployment, 'target'>): Spelling {
  return spellings[target];
}

/** Throws `usage` on a cluster, where the embedded engine has no image. */
export function requireLocal(deployment: Deployment, engine: string): LocalDeployment {
  if (deployment.target === 'local') return deployment;
  throw new DynamoError('usage', `The engine ${engine} runs on this machine only.`, {
    hint: 'leave --engine out, or --on kubernetes',
  });
}
