/** The options of verbs that make a deployment on a cluster. */
import type { Command } from 'commander';
import { addDeploymentOptions } from '../up/deployment-options.ts';
import { addManifestOptions } from './manifest-options.ts';
import { addContextOption } from './place-options.ts';

/** About this machine: they are understood, so that a wrong one is named as that. */
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
