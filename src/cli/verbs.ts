/** Every verb, with the line that stands in `dynamo --help`; its module is loaded only when it runs. */
import type { Command } from 'commander';

/** What a verb's module exports: options, help and action are added to its command. `settle` takes the exit code. */
export type Configure = (command: Command, settle: (exitCode: number) => void) => void;

export interface Verb {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly hidden?: true;
  readonly load: () => Promise<{ readonly configure: Configure }>;
}

export const verbs: readonly Verb[] = [
  {
    name: 'up',
    usage: '[profile] [options] [-- worker arguments]',
    summary: 'start a deployment, prove that it serves, follow its logs',
    load: () => import('./up.ts'),
  },
  {
    name: 'down',
    usage: '[run] [options]',
    summary: 'stop a run in order and verify that nothing is left',
    load: () => import('./down.ts'),
  },
  { name: 'ps', usage: '[options]', summary: 'runs and their processes', load: () => import('./ps.ts') },
  {
    name: 'logs',
    usage: '[process...] [options]',
    summary: 'logs of a run, also after it has ended',
    load: () => import('./logs.ts'),
  },
  {
    name: 'start',
    usage: '<process...> [options]',
    summary: 'start a process that was stopped',
    load: () => import('./start.ts'),
  },
  {
    name: 'stop',
    usage: '<process...> [options]',
    summary: 'stop one process of a live run',
    load: () => import('./stop.ts'),
  },
  {
    name: 'restart',
    usage: '<process...> [options]',
    summary: 'stop and start one process of a live run',
    load: () => import('./restart.ts'),
  },
  {
    name: 'attach',
    usage: '[run]',
    summary: 'watch a detached run; Ctrl-C leaves it running',
    load: () => import('./attach.ts'),
  },
  {
    name: 'wait',
    usage: '[run] [options]',
    summary: 'until a run is ready or has stopped',
    load: () => import('./wait.ts'),
  },
  {
    name: 'events',
    usage: '[run] [options]',
    summary: 'state changes of a run as they happen',
    load: () => import('./events.ts'),
  },
  {
    name: 'chat',
    usage: '[run] [options]',
    summary: 'talk to a run, or to any deployment',
    load: () => import('./chat.ts'),
  },
  {
    name: 'open',
    usage: '[run] [options]',
    summary: 'print the URL of a run, and open it in a browser',
    load: () => import('./open.ts'),
  },
  {
    name: 'infra',
    usage: '<up|down|status> [options]',
    summary: 'an etcd and a NATS shared by several runs',
    load: () => import('./infra.ts'),
  },
  {
    name: 'plan',
    usage: '<profile> [options] [-- worker arguments]',
    summary: 'what `up` would do, and why',
    load: () => import('./plan.ts'),
  },
  {
    name: 'smoke',
    usage: '[profile...] [options] [-- worker arguments]',
    summary: 'bring profiles up, verify them with real requests, take them down',
    load: () => import('./smoke.ts'),
  },
  {
    name: 'doctor',
    usage: '[profile] [options] [-- worker arguments]',
    summary: 'checks of this host and of a plan, each with one fix',
    load: () => import('./doctor.ts'),
  },
  {
    name: 'exec',
    usage: '<profile> [options] -- <command...>',
    summary: 'bring a deployment up, run a command against it, take it down',
    load: () => import('./exec.ts'),
  },
  {
    name: 'profiles',
    usage: '[list|show|validate|schema]',
    summary: 'shipped, user and project profiles',
    load: () => import('./profiles.ts'),
  },
  {
    name: 'clean',
    usage: '[options]',
    summary: 'end and remove what dead runs left; say who else holds GPUs',
    load: () => import('./clean.ts'),
  },
  {
    name: 'setup',
    usage: '[list|remove] [options]',
    summary: 'install Dynamo, etcd and NATS for this user, without root',
    load: () => import('./setup.ts'),
  },
  {
    name: 'completion',
    usage: '<bash|zsh|fish>',
    summary: 'shell completion, to be sourced',
    load: () => import('./completion.ts'),
  },
  {
    name: 'supervise',
    usage: '<run>',
    summary: 'supervise a prepared run (started by `up --detach`)',
    hidden: true,
    load: () => import('./up/supervise.ts'),
  },
  {
    name: 'reap',
    usage: '<run>',
    summary: 'end what a dead supervisor left (started by the keeper)',
    hidden: true,
    load: () => import('./clean/reap.ts'),
  },
  {
    name: 'complete',
    usage: '[words...]',
    summary: 'candidates for shell completion',
    hidden: true,
    load: () => import('./complete.ts'),
  },
];
