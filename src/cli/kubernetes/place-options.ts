/** Options for the cluster and the namespace. */
import { type Command, Option } from 'commander';

export interface PlaceFlags {
  readonly on?: 'kubernetes';
  readonly context?: string;
  readonly namespace?: string;
}

/** For verbs about existing runs. Without them, the record of the run says where it is. */
export function addPlaceOptions(command: Command): Command {
  return addContextOption(
    command
      .addOption(
        new Option(
          '--on <target>',
          'only runs there; default: on this machine, and those it made on clusters',
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
