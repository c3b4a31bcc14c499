/** What `dynamo smoke` takes beside the options of every deployment. */
import type { DeploymentFlags } from '../up/deployment-options.ts';

export interface SmokeFlags extends DeploymentFlags {
  readonly all?: true;
  readonly url?: string;
  readonly caseTimeout: number;
  readonly failFast?: true;
  readonly keepOnFailure?: true;
  readonly repeat: number;
  readonly parallel: number;
  readonly artifacts?: string;
  readonly json?: true;
  readonly junit?: string;
  readonly quiet?: true;
}
