/** The commands of `dynamo`, one row each; a verb's module is loaded when it runs. */
import { type Configure, reapVerb, superviseVerb, upVerb, type Verb } from './verb.ts';

/** What the words after a verb name. Subcommands and choices are completed before these. */
export type Completes = 'profiles' | 'runs' | 'live runs' | 'processes' | 'workers' | 'setups';

export interface VerbRow extends Verb {
  readonly completes?: Completes;
  /** In its place where the words say `--on`: on a cluster it takes other options and starts nothing here. */
  readonly loadOnCluster?: VerbRow['load'];
  readonly load: () => Promise<{ readonly configure: Configure }>;
}

export const verbs: readonly VerbRow[] = [
  {
    ...upVerb,
    completes: 'profiles',
    load: () => import('./up.ts'),
    loadOnCluster: () => import('./kubernetes/up.ts'),
  },
  {
    name: 'down',
    usage: '[run] [options]',
    summary: 'stop a run and verify that nothing is left',
    actsAsOwner: true,
    completes: 'live runs',
    load: () => import('./down.ts'),
  },
  {
    name: 'ps',
    usage: '[options]',
    summary: 'list runs and their processes',
    actsAsOwner: true,
    load: () => import('./ps.ts'),
  },
  {
    name: 'top',
    usage: '[run] [options]',
    summary: 'watch what runs do: latencies, rates, queues, GPUs; with keys',
    actsAsOwner: true,
    completes: 'live runs',
    load: () => import('./top.ts'),
  },
  {
    name: 'stats',
    usage: '[run] [options]',
    summary: 'print the figures of runs, for people and scripts',
    actsAsOwner: true,
    completes: 'live runs',
    load: () => import('./stats.ts'),
  },
  {
    name: 'logs',
    usage: '[process...] [options]',
    summary: 'show the logs of a run, also after it has ended',
    actsAsOwner: true,
    completes: 'processes',
    load: () => import('./logs.ts'),
  },
  {
    name: 'start',
    usage: '<process...> [options]',
    summary: 'start a process that was stopped',
    actsAsOwner: true,
    completes: 'processes',
    load: async () => (await import('./process-verbs.ts')).start,
  },
  {
    name: 'stop',
    usage: '<process...> [options]',
    summary: 'stop a process of a live run',
    actsAsOwner: true,
    completes: 'processes',
    load: async () => (await import('./process-verbs.ts')).stop,
  },
  {
    name: 'restart',
    usage: '<process...> [options]',
    summary: 'restart a process of a live run',
    actsAsOwner: true,
    completes: 'processes',
    load: async () => (await import('./process-verbs.ts')).restart,
  },
  {
    name: 'scale',
    usage: '[run] <worker=n...> [options]',
    summary: 'change the number of workers of a live run',
    actsAsOwner: true,
    completes: 'workers',
    load: () => import('./scale.ts'),
  },
  {
    name: 'attach',
    usage: '[run]',
    summary: 'watch a detached run; Ctrl-C leaves it running',
    actsAsOwner: true,
    completes: 'live runs',
    load: () => import('./attach.ts'),
  },
  {
    name: 'wait',
    usage: '[run] [options]',
    summary: 'wait until a run is ready or stopped',
    actsAsOwner: true,
    completes: 'runs',
    load: () => import('./wait.ts'),
  },
  {
    name: 'events',
    usage: '[run] [options]',
    summary: 'show the state changes of a run as they happen',
    actsAsOwner: true,
    completes: 'runs',
    load: () => import('./events.ts'),
  },
  {
    name: 'chat',
    usage: '[run] [options]',
    summary: 'chat with the model of a run, or of any deployment',
    actsAsOwner: true,
    completes: 'live runs',
    load: () => import('./chat.ts'),
  },
  {
    name: 'open',
    usage: '[run] [options]',
    summary: 'print the URL of a run and open it in a browser',
    actsAsOwner: true,
    completes: 'live runs',
    load: () => import('./open.ts'),
  },
  {
    name: 'ui',
    usage: '[run] [options]',
    summary: 'show runs on a web page: state, figures, logs, requests',
    actsAsOwner: true,
    completes: 'runs',
    load: () => import('./ui.ts'),
  },
  {
    name: 'targets',
    usage: '[run...] [options]',
    summary: 'list what a Prometheus of yours can scrape',
    actsAsOwner: true,
    completes: 'live runs',
    load: () => import('./targets.ts'),
  },
  {
    name: 'infra',
    usage: '<up|down|status> [options]',
    summary: 'run an etcd and a NATS that several runs share',
    actsAsOwner: true,
    load: () => import('./infra.ts'),
  },
  {
    name: 'plan',
    usage: '<profile> [options] [-- worker arguments]',
    summary: 'show what `up` would do, and why',
    readsProject: true,
    completes: 'profiles',
    load: () => import('./plan.ts'),
  },
  {
    name: 'advise',
    usage: '--model <model> [options]',
    summary: 'predict, without a GPU, which deployment serves a model best',
    load: () => import('./advise.ts'),
  },
  {
    name: 'smoke',
    usage: '[profile...] [options] [-- worker arguments]',
    summary: 'start profiles, test them with real requests, stop them',
    readsProject: true,
    completes: 'profiles',
    load: () => import('./smoke.ts'),
    loadOnCluster: () => import('./kubernetes/smoke.ts'),
  },
  {
    name: 'bench',
    usage: '[profile] [options] [-- worker arguments]',
    summary: 'load deployments, measure and compare them',
    readsProject: true,
    completes: 'profiles',
    load: () => import('./bench.ts'),
  },
  {
    name: 'doctor',
    usage: '[profile] [options] [-- worker arguments]',
    summary: 'check this host, or what a profile needs, and suggest fixes',
    readsProject: true,
    completes: 'profiles',
    load: () => import('./doctor.ts'),
    loadOnCluster: () => import('./kubernetes/doctor.ts'),
  },
  {
    name: 'exec',
    usage: '<profile> [options] -- <command...>',
    summary: 'start a deployment, run a command against it, stop it',
    readsProject: true,
    completes: 'profiles',
    load: () => import('./exec.ts'),
    loadOnCluster: () => import('./kubernetes/exec.ts'),
  },
  {
    name: 'init',
    usage: '[profile] [options]',
    summary: 'write a dynamo.yaml for this folder, which `up` takes',
    completes: 'profiles',
    load: () => import('./init.ts'),
  },
  {
    name: 'profiles',
    usage: '[list|show|validate|schema]',
    summary: 'list, show and validate profiles',
    completes: 'profiles',
    load: () => import('./profiles.ts'),
  },
  {
    name: 'clean',
    usage: '[options]',
    summary: 'remove what dead runs left behind, list other users of the GPUs',
    actsAsOwner: true,
    load: () => import('./clean.ts'),
  },
  {
    name: 'report',
    usage: '[run] [options]',
    summary: 'write one file about a run, for a bug report or another host',
    actsAsOwner: true,
    completes: 'runs',
    load: () => import('./bug-report.ts'),
  },
  {
    name: 'setup',
    usage: '[list|remove] [options]',
    summary: 'install Dynamo, etcd and NATS for this user, without root',
    completes: 'setups',
    load: () => import('./setup.ts'),
  },
  {
    name: 'completion',
    usage: '<bash|zsh|fish>',
    summary: 'print a completion script for your shell',
    load: async () => (await import('./completion.ts')).completion,
  },
  {
    ...superviseVerb,
    load: () => import('./supervise.ts'),
  },
  {
    ...reapVerb,
    load: () => import('./reap.ts'),
  },
  {
    name: 'bench-bare-server',
    usage: '',
    summary: 'answer at once, so that `bench` can measure its own cost',
    hidden: true,
    load: () => import('./bench/bare.ts'),
  },
  {
    name: 'receive-traces',
    usage: '',
    summary: 'keep the spans that processes send (started by `up --observe`)',
    hidden: true,
    load: () => import('./receive-traces.ts'),
  },
  {
    name: 'complete',
    usage: '[words...]',
    summary: 'list candidates for shell completion',
    hidden: true,
    load: async () => (await import('./completion.ts')).complete,
  },
];

export const visibleVerbs = verbs.filter(({ hidden }) => hidden !== true);

/** `words`: what follows the verb. What follows `--` is for workers, or a command. bin/dynamo.js makes the same check. */
export async function moduleOf(verb: VerbRow, words: readonly string[]): ReturnType<VerbRow['load']> {
  const end = words.indexOf('--');
  const own = words.slice(0, end === -1 ? undefined : end);
  const onCluster = own.some((word) => word === '--on' || word.startsWith('--on='));
  return await ((onCluster ? verb.loadOnCluster : undefined) ?? verb.load)();
}
