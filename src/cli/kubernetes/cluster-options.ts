/** The options of verbs that make a deployment on a cluster. */
import type { Command } from 'commander';
import { addDeploymentOptions } from '../up/deployment-options.ts';
import { addManifestOptions } from './manifest-options.ts';
import { addContextOption } from './place-options.ts';

/** Options about this machine: parsed, so that the error can name them, but not listed. */
const localOptions = new Set([
  '--python',
  '--gpus',
  '--http-host',
  '--infra',
  '--runtime',
  '--ptrace',
  '--persist',
  '--log-limit',
  '--stop-timeout',
]);

export function addClusterOptions(command: Command): Command {
  const whole = addContextOption(addManifestOptions(addDeploymentOptions(command)));
  for (const option of whole.options) if (localOptions.has(option.long ?? '')) option.hideHelp();
  return whole;
}
