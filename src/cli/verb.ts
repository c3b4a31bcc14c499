/** What a verb is, and the words of those that start in a program of their own: that program loads no other verb. */
import type { Command } from 'commander';
import type { Environment } from '../base/environment.ts';

/**
 * What a verb's module exports: options, help and action are added to its command. `settle` takes the exit code;
 * `environment` is that of this process as it began.
 */
export type Configure = (
  command: Command,
  settle: (exitCode: number) => void,
  environment: Environment,
) => void;

export interface Verb {
  readonly name: string;
  /** What follows its name. */
  readonly usage: string;
  /** Its line in `dynamo --help`. */
  readonly summary: string;
  /** For other programs, not for people: neither help nor completion shows it. */
  readonly hidden?: true;
  /** It works on runs that exist: root acts as the user who owns them. */
  readonly actsAsOwner?: true;
  /** It takes a profile: the one of the project in the working folder, with its `.env`. */
  readonly readsProject?: true;
}

export const upVerb: Verb = {
  name: 'up',
  usage: '[profile] [options] [-- worker arguments]',
  summary: 'start a deployment, check that it serves, follow its logs',
  readsProject: true,
};

export const superviseVerb: Verb = {
  name: 'supervise',
  usage: '<run>',
  summary: 'supervise a prepared run (started by `up --detach`)',
  hidden: true,
};

export const reapVerb: Verb = {
  name: 'reap',
  usage: '<run>',
  summary: 'end what a dead supervisor left (started by the keeper)',
  hidden: true,
};
