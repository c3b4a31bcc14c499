/** What `dynamo up` takes beside the options of every deployment. */
import type { DeploymentFlags } from './deployment-options.ts';
import type { HostFlags } from './host-options.ts';

export interface UpFlags extends DeploymentFlags, HostFlags {
  readonly detach?: true;
  readonly json?: true;
  readonly quiet?: true;
  readonly verbose?: true;
}
