/** One random life of a run: how it starts, what breaks, and which commands run meanwhile. */
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { type Session, start } from '../e2e/harness/cli.ts';
import { faulty } from '../e2e/harness/deployment.ts';
import { freePort } from '../e2e/harness/ports.ts';
import type { World } from '../e2e/harness/world.ts';
import { leftovers } from '../oracle/leftovers.ts';
import {
  damageRecord,
  fillDisk,
  freeDisk,
  mountSmallDisk,
  removeRunFolder,
  removeSocketFolder,
  unmountSmallDisk,
} from './damage.ts';
import { type Random, randomFrom } from './random.ts';
import { keepers, leaders, ledgerPids, processesOfRuns, send, supervisors } from './scene.ts';

/** Faults of the embedded engine in one component. */
const faults: readonly (readonly string[])[] = [
  [],
  ['--spawn-children', '2'],
  ['--escape-children', '2'],
  ['--escape-children', '1', '--spawn-children', '1'],
  ['--escape-children', '1', '--crash-after', '0.7'],
  ['--ignore-sigterm'],
  ['--ignore-sigterm', '--spawn-children', '1', '--escape-children', '1'],
  ['--crash-after', '0.4'],
  ['--exit-after', '0.5', '--exit-code', '0'],
  ['--exit-after', '0.1', '--exit-code', '3'],
  ['--startup-time', '0.5'],
];

interface Command {
  readonly words: readonly string[];
  readonly session: Session;
  /** How many replacements were asked for before it: changes of a run wait for each other. */
  readonly after?: number;
}

interface Stage {
  readonly world: World;
  readonly random: Random;
  readonly says: string[];
  /** Running commands, which must exit by themselves or by a signal, each within its limit. */
  readonly commands: Command[];
  readonly foreground: { pid: number }[];
  /** Leaders that were seen alive: each must be in a ledger. */
  readonly seen: Set<number>;
  /** Environment of later commands: another login has other variables. */
  env: Readonly<Record<string, string>>;
  /** The folder of a run was removed: until its supervisor recreates it, only supervisor and keeper know the run. */
  fragile: boolean;
  readonly smallDisk: boolean;
}

/** The limits in docs/limits.md, plus the start-up time of Node under load. */
const slackMs = 15_000;
const limitsMs: Readonly<Record<string, number>> = { ps: 3_000, logs: 5_000, wait: 6_000 };
/** Stops, whose processes get 1 s; starts, which get 5 s. */
const longestMs = 45_000;
/** A replacement whose worker ends again and again is given up after five restarts, after 0, 2, 4, 8 and 16 s. */
const replacementMs = 40_000;

/** Fails with the output of a command that has not exited in time. */
async function endInTime({ words: [verb = '', ...more], session, after = 0 }: Command): Promise<void> {
  const limitMs = (limitsMs[verb] ?? longestMs + after * replacementMs) + slackMs;
  const late = delay(limitMs, 'late', { ref: false });
  if ((await Promise.race([session.ended, late])) === 'late') {
    session.child.kill('SIGKILL');
    throw new Error(`dynamo ${[verb, ...more].join(' ')} did not return within ${limitMs} ms`);
  }
}

/** An action may return a description that is longer than its name. */
const actions: Readonly<Record<string, (stage: Stage) => void | string | Promise<void | string>>> = {
  'kill a main process': ({ world, random }) => {
    const found = leaders(world);
    if (found.length > 0) send(random.pick(found), 'SIGKILL');
  },
  'kill all main processes': ({ world }) => leaders(world).forEach((pid) => send(pid, 'SIGKILL')),
  'kill a process': ({ world, random }) => {
    const found = processesOfRuns(world);
    if (found.length > 0) send(random.pick(found).pid, 'SIGKILL');
  },
  'terminate a process': ({ world, random }) => {
    const found = processesOfRuns(world);
    if (found.length > 0) send(random.pick(found).pid, 'SIGTERM');
  },
  'stop a process for a while': async ({ world, random }) => {
    const found = processesOfRuns(world);
    if (found.length === 0) return;
    const { pid } = random.pick(found);
    send(pid, 'SIGSTOP');
    await delay(random.below(200));
    if (random.below(3) > 0) send(pid, 'SIGCONT');
  },
  'kill the supervisor': ({ world }) => supervisors(world).forEach((pid) => send(pid, 'SIGKILL')),
  'kill the keeper': ({ world, fragile }) => {
    if (!fragile) keepers(world).forEach(({ pid }) => send(pid, 'SIGKILL'));
  },
  'kill supervisor and keeper': ({ world, fragile }) => {
    if (fragile) return;
    for (const pid of [...supervisors(world), ...keepers(world).map(({ pid: keeper }) => keeper)])
      send(pid, 'SIGKILL');
  },
  'suspend the supervisor': ({ world }) => supervisors(world).forEach((pid) => send(pid, 'SIGSTOP')),
  'wake the supervisor': ({ world }) => supervisors(world).forEach((pid) => send(pid, 'SIGCONT')),
  'suspend the keeper': ({ world }) => keepers(world).forEach(({ pid }) => send(pid, 'SIGSTOP')),
  'wake the keeper': ({ world }) => keepers(world).forEach(({ pid }) => send(pid, 'SIGCONT')),
  'suspend a command for a while': async ({ commands, random }) => {
    const { pid } = random.pick(commands).session;
    send(pid, 'SIGSTOP');
    await delay(random.below(400));
    send(pid, 'SIGCONT');
  },
  'damage a record': ({ world, random }) => damageRecord(world, random),
  'remove the folder of a run': (stage) => {
    // Without supervisor and keeper, the ledger is the only proof.
    if (supervisors(stage.world).length + keepers(stage.world).length === 0) return 'nobody knows the run';
    stage.fragile = true;
    return removeRunFolder(stage.world, stage.random);
  },
  'remove the folder for sockets': ({ world }) => removeSocketFolder(world),
  'another login': (stage) => {
    const elsewhere = [join(stage.world.root, 'elsewhere'), '/does/not/exist', ''];
    stage.env = { XDG_RUNTIME_DIR: stage.random.pick(elsewhere) };
    return `XDG_RUNTIME_DIR=${stage.env.XDG_RUNTIME_DIR}`;
  },
  'fill the disk': ({ world, smallDisk }) => (smallDisk ? fillDisk(world) : undefined),
  'free the disk': ({ world, smallDisk }) => void (smallDisk && freeDisk(world)),
  'Ctrl-C': ({ foreground }) => foreground.forEach(({ pid }) => send(pid, 'SIGINT')),
  ps: (stage) => command(stage, ['ps', '--all']),
  logs: (stage) => command(stage, ['logs', '--tail', '3']),
  wait: (stage) => command(stage, ['wait', '--timeout', '1']),
  'restart decode': (stage) => command(stage, ['restart', 'decode']),
  'stop prefill': (stage) => command(stage, ['stop', 'prefill']),
  'start prefill': (stage) => command(stage, ['start', 'prefill']),
  scale: (stage) => changeWorkers(stage),
  replace: (stage) => replaceWorkers(stage),
  'up again': async (stage) => command(stage, await upArgs(stage, true)),
  down: (stage) => command(stage, ['down', '--all']),
  'down now': (stage) => command(stage, ['down', '--all', '--now']),
};

/** Returns a description of what was done, and the leaders that are in no ledger. */
export async function play(world: World, seed: number): Promise<{ says: string[]; unknown: number[] }> {
  const random = randomFrom(seed);
  const smallDisk = random.below(6) === 0;
  const stage: Stage = {
    world,
    random,
    says: [],
    commands: [],
    foreground: [],
    seen: new Set(),
    env: {},
    fragile: false,
    smallDisk,
  };
  if (smallDisk) mountSmallDisk(world);
  try {
    await act(stage);
    const known = await endAll(stage);
    // A ledger on a full disk, or in a removed folder, contains only what could be written.
    const unknown = smallDisk || stage.fragile ? [] : [...stage.seen].filter((pid) => !known.has(pid));
    const left = leftovers(world).map(({ text }) => text);
    if (left.length > 0) throw new Error(`left behind:\n${left.join('\n')}`);
    return { says: stage.says, unknown };
  } catch (error) {
    throw new Error(`after ${stage.says.join('; ')}`, { cause: error });
  } finally {
    if (smallDisk) unmountSmallDisk(world);
  }
}

async function act(stage: Stage): Promise<void> {
  const { world, random } = stage;
  const steady = random.below(3) === 0;
  const detached = steady || random.below(2) === 0;
  const upWords = await upArgs(stage, detached, steady);
  stage.says.push(`up ${upWords.slice(1).join(' ')}`);
  const up = start(world, upWords, { ownGroup: true });
  stage.commands.push({ words: upWords, session: up });
  if (!detached) stage.foreground.push(up);
  // Only the workers of a run that serves can be changed.
  if (steady) await endInTime({ words: upWords, session: up });
  for (let left = 1 + random.below(5); left > 0; left--) {
    await delay(random.below(350));
    for (const pid of leaders(world)) stage.seen.add(pid);
    if (steady && random.below(3) > 0) {
      stage.says.push(random.below(2) === 0 ? changeWorkers(stage) : await replaceWorkers(stage));
      await delay(random.below(900));
    }
    const name = random.pick(Object.keys(actions));
    const said = await actions[name]?.(stage);
    stage.says.push(said ?? name);
  }
}

/** Ends everything with `down --all` alone, however suspended, damaged or full. Returns the pids in ledgers. */
async function endAll(stage: Stage): Promise<Set<number>> {
  for (const { pid } of stage.foreground) send(pid, 'SIGTERM');
  // A foreground command may be suspended, and is ended by `down`; all others return whatever their supervisor does.
  const [ups, others] = [true, false].map((is) =>
    stage.commands.filter(({ session }) => stage.foreground.some(({ pid }) => pid === session.pid) === is),
  );
  for (const each of others ?? []) await endInTime(each);
  await succeedInTime(stage, ['ps', '--all']);
  await succeedInTime(stage, ['down', '--all']);
  const known = ledgerPids(stage.world);
  await succeedInTime(stage, ['clean', '--all-ended']);
  // A command suspended before it had a run can only be killed itself.
  for (const { pid } of stage.foreground) send(pid, 'SIGCONT');
  for (const each of ups ?? []) await endInTime(each);
  return known;
}

async function succeedInTime({ world, says, env }: Stage, words: readonly string[]): Promise<void> {
  const session = start(world, words, { env });
  await endInTime({ words, session });
  const { code, stderr } = await session.ended;
  says.push(`${words.join(' ')}: ${code}`);
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}:\n${stderr}`);
}

/** `steady`: without faults, so that it serves. */
async function upArgs({ world, random }: Stage, detached: boolean, steady = false): Promise<string[]> {
  const faultOf = (): readonly string[] => (steady ? [] : random.pick(faults));
  const profile = faulty(world, 'disagg', { prefill: faultOf(), decode: faultOf() });
  const port = String(await freePort());
  const words = [
    'up',
    profile,
    '--engine',
    'sim',
    '--http-port',
    port,
    '--stop-timeout',
    '1',
    '--timeout',
    '5',
  ];
  return detached ? [...words, '--detach'] : words;
}

/** Up to three of each, so that some come and some go. */
function changeWorkers(stage: Stage): string {
  const { random } = stage;
  const words = ['scale', `decode=${1 + random.below(3)}`, `prefill=${1 + random.below(3)}`];
  command(stage, words);
  return words.join(' ');
}

/** With a parameter that is another one each time, and now and then a fault that the new worker does not survive. */
async function replaceWorkers(stage: Stage): Promise<string> {
  const { random } = stage;
  const change = [`components.decode.memory.contextLength=${4_096 + random.below(8)}`];
  if (random.below(4) === 0) change.push('components.decode.engineArgs.sim=["--exit-after","0.2"]');
  const words = await upArgs(stage, true, true);
  // On the port that it has.
  words.splice(words.indexOf('--http-port'), 2);
  words.push('--replace', ...change.flatMap((each) => ['--set', each]));
  command(stage, words);
  return `replace ${change.join(' ')}`;
}

function command({ world, commands, env }: Stage, words: readonly string[]): void {
  const after = commands.filter((each) => each.words.includes('--replace')).length;
  commands.push({ words, session: start(world, words, { env }), after });
}
