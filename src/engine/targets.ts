/** The addresses to use on each target: where servers listen, and where KV events are published. */
import { DynamoError } from '../base/error.ts';
import type { Deployment, LocalDeployment } from './engine.ts';

interface Spelling {
  /** Where servers listen for other processes of the deployment. */
  readonly listen: string;
  /** The same for ZeroMQ sockets of SGLang. */
  readonly publish: string;
}

const spellings: Readonly<Record<Deployment['target'], Spelling>> = {
  /**
   * SGLang publishes only if the address contains `*` or `::`, and this is loopback with `::`: ZeroMQ treats it as
   * 127.0.0.1, without IPv6. Dynamo's worker connects to SGLANG_HOST_IP. Seen with SGLang 0.5.16.
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
    hint: 'omit --engine, or omit --on kubernetes',
  });
}
