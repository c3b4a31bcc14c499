/** Every verb, with the line that stands in `dynamo --help`. */
import type { Command } from 'commander';

/** What a verb's module exports: options, help and action are added to its command. `settle` takes the exit code. */
export type Configure = (command: Command, settle: (exitCode: number) => void) => void;

interface Row {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly hidden?: true;
}

const table = [
  {
    name: 'up',
    usage: '[profile] [options] [-- worker arguments]',
    summary: 'start a deployment, prove that it serves, follow its logs',
  },
  {
    name: 'down',
    usage: '[run] [options]',
    summary: 'stop a run in order and verify that nothing is left',
  },
  { name: 'ps', usage: '[options]', summary: 'runs and their processes' },
  {
    name: 'logs',
    usage: '[process...] [options]',
    summary: 'logs of a run, also after it has ended',
  },
  {
    name: 'start',
    usage: '<process...> [options]',
    summary: 'start a process that was stopped',
  },
  {
    name: 'stop',
    usage: '<process...> [options]',
    summary: 'stop one process of a live run',
  },
  {
    name: 'restart',
    usage: '<process...> [options]',
    summary: 'stop and start one process of a live run',
  },
  {
    name: 'attach',
    usage: '[run]',
    summary: 'watch a detached run; Ctrl-C leaves it running',
  },
  {
    name: 'wait',
    usage: '[run] [options]',
    summary: 'until a run is ready or has stopped',
  },
  {
    name: 'events',
    usage: '[run] [options]',
    summary: 'state changes of a run as they happen',
  },
  {
    name: 'chat',
    usage: '[run] [options]',
    summary: 'talk to a run, or to any deployment',
  },
  {
    name: 'open',
    usage: '[run] [options]',
    summary: 'print the URL of a run, and open it in a browser',
  },
  {
    name: 'infra',
    usage: '<up|down|status> [options]',
    summary: 'an etcd and a NATS shared by several runs',
  },
  {
    name: 'plan',
    usage: '<profile> [options] [-- worker arguments]',
    summary: 'what `up` would do, and why',
  },
  {
    name: 'smoke',
    usage: '[profile...] [options] [-- worker arguments]',
    summary: 'bring profiles up, verify them with real requests, take them down',
  },
  {
    name: 'doctor',
    usage: '[profile] [options] [-- worker arguments]',
    summary: 'checks of this host and of a plan, each with one fix',
  },
  {
    name: 'exec',
    usage: '<profile> [options] -- <command...>',
    summary: 'bring a deployment up, run a command against it, take it down',
  },
  {
    name: 'profiles',
    usage: '[list|show|validate|schema]',
    summary: 'shipped, user and project profiles',
  },
  {
    name: 'clean',
    usage: '[options]',
    summary: 'end and remove what dead runs left; say who else holds GPUs',
  },
  {
    name: 'setup',
    usage: '[list|remove] [options]',
    summary: 'install Dynamo, etcd and NATS for this user, without root',
  },
  {
    name: 'completion',
    usage: '<bash|zsh|fish>',
    summary: 'shell completion, to be sourced',
  },
  {
    name: 'supervise',
    usage: '<run>',
    summary: 'supervise a prepared run (started by `up --detach`)',
    hidden: true,
  },
  {
    name: 'reap',
    usage: '<run>',
    summary: 'end what a dead supervisor left (started by the keeper)',
    hidden: true,
  },
  {
    name: 'complete',
    usage: '[words...]',
    summary: 'candidates for shell completion',
    hidden: true,
  },
] as const satisfies readonly Row[];

export type VerbName = (typeof table)[number]['name'];

export interface Verb extends Row {
  readonly name: VerbName;
}

export const verbs: readonly Verb[] = table;
