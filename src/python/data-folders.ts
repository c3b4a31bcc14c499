/** Where `dynamo setup` puts what it makes. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { xdgFolder } from '../base/xdg.ts';

export interface DataFolders {
  readonly data: string;
  /** One folder a Python environment, named `<engine>-<version>`. */
  readonly environments: string;
  /** `bin/etcd` and `bin/nats-server`, when `dynamo setup --infra` has run. */
  readonly infra: string;
  /** The installer, where this host has none. */
  readonly tools: string;
  /** What installers said, one file a set-up; they outlive an environment that could not be made. */
  readonly logs: string;
}

/** Below `$XDG_DATA_HOME/dynamo`, or `~/.local/share/dynamo`. Makes nothing. */
export function dataFolders(environment: Readonly<Record<string, string | undefined>>): DataFolders {
  const home = environment.HOME || homedir();
  const data = join(xdgFolder(environment, 'XDG_DATA_HOME') ?? join(home, '.local', 'share'), 'dynamo');
  return {
    data,
    environments: join(data, 'envs'),
    infra: join(data, 'infra'),
    tools: join(data, 'tools'),
    logs: join(data, 'logs'),
  };
}
