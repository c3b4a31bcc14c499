/** The options of `up`, `plan` and `doctor` for a deployment on several hosts. */
import { type Command, Option } from 'commander';
import type { PlanOptions } from '../../plan/request.ts';

/** As typed: most starts have none of them, and do not load what reads them. */
export interface HostFlags {
  readonly only?: string;
  readonly join?: string;
  readonly advertise?: string;
  readonly nnodes?: string;
  readonly nodeRank?: string;
  readonly distInitAddr?: string;
}

export function addHostOptions(command: Command, only = '--only'): Command {
  return command
    .addOption(
      new Option(`${only} <components>`, 'run only these components here, the others on other hosts'),
    )
    .option('--join <url>', 'etcd of the deployment, on the host that started it')
    .option('--advertise <address>', 'address under which the other hosts reach this one')
    .option('--nnodes <n>', 'run one worker on so many hosts')
    .option('--node-rank <n>', 'which of these hosts this one is, from 0')
    .option('--dist-init-addr <host:port>', 'where rank 0 listens for the other ranks');
}

/**
 * The same options, and what these flags say. What a host joins is external; with another `--infra` that is refused.
 * Throws `usage` for a bad value.
 */
export async function withHosts(options: PlanOptions, flags: HostFlags): Promise<PlanOptions> {
  const { only, join, advertise, nnodes, nodeRank, distInitAddr } = flags;
  if ([only, join, advertise, nnodes, nodeRank, distInitAddr].every((each) => each === undefined))
    return options;
  const { hostsOf } = await import('./host-flags.ts');
  const infra = join !== undefined && options.infra === 'auto' ? 'external' : options.infra;
  return { ...options, infra, hosts: hostsOf(flags) };
}
