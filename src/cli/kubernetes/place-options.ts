/** The options that say which cluster, and which namespace on it. */
import { type Command, Option } from 'commander';

export interface PlaceFlags {
  readonly on?: 'kubernetes';
  readonly context?: string;
  readonly namespace?: string;
}

/** For verbs about runs that exist: with none of these, the run itself says where it is. */
export function addPlaceOptions(command: Command): Command {
  return addContextOption(
    command
      .addOption(
        new Option(
          '--on <target>',
          'only runs there; default: on this machine and where it made some',
        ).choices(['kubernetes']),
      )
      .option('--namespace <name>', 'on Kubernetes: in this namespace'),
  );
}

export function addContextOption(command: Command): Command {
  return command.option(
    '--context <name>',
    'on Kubernetes: context of the kubeconfig; default: the current one',
  );
}

export function namesPlace({ on, context, namespace }: PlaceFlags): boolean {
  return on !== undefined || context !== undefined || namespace !== undefined;
}
