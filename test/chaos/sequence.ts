/** One random life of a run: how it is started, what breaks, and who asks for what meanwhile. */
import { setTimeout as delay } from 'node:timers/promises';
import { dynamo, type Ended, start } from '../e2e/harness/cli.ts';
import { faulty } from '../e2e/harness/deployment.ts';
import { freePort } from '../e2e/harness/ports.ts';
import type { World } from '../e2e/harness/world.ts';
import { type Random, randomFrom } from './random.ts';
import { keepers, leaders, ledgerPids, processesOfRuns, send, supervisors } from './scene.ts';

/** How the embedded engine misbehaves in one component. */
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

interface Stage {
  readonly world: World;
  readonly random: Random;
  readonly says: string[];
  /** Commands that run, and must all end by themselves or by a signal. */
  readonly commands: Promise<Ended>[];
  readonly foreground: { pid: number }[];
  /** Leaders that were seen alive: each must stand in a ledger. */
  readonly seen: Set<number>;
}

const actions: Readonly<Record<string, (stage: Stage) => void | Promise<void>>> = {
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
  'kill the keeper': ({ world }) => keepers(world).forEach(({ pid }) => send(pid, 'SIGKILL')),
  'kill supervisor and keeper': ({ world }) => {
    for (const pid of [...supervisors(world), ...keepers(world).map(({ pid: keeper }) => keeper)])
      send(pid, 'SIGKILL');
  },
  'Ctrl-C': ({ foreground }) => foreground.forEach(({ pid }) => send(pid, 'SIGINT')),
  ps: (stage) => command(stage, ['ps', '--all']),
  logs: (stage) => command(stage, ['logs', '--tail', '3']),
  wait: (stage) => command(stage, ['wait', '--timeout', '1']),
  'restart decode': (stage) => command(stage, ['restart', 'decode']),
  'stop prefill': (stage) => command(stage, ['stop', 'prefill']),
  'start prefill': (stage) => command(stage, ['start', 'prefill']),
  'up again': async (stage) => command(stage, await upArgs(stage, true)),
  down: (stage) => command(stage, ['down', '--all']),
  'down now': (stage) => command(stage, ['down', '--all', '--now']),
};

/** Returns what was done, for people, and the leaders that no ledger knows. */
export async function play(world: World, seed: number): Promise<{ says: string[]; unknown: number[] }> {
  const random = randomFrom(seed);
  const stage: Stage = { world, random, says: [], commands: [], foreground: [], seen: new Set() };
  const detached = random.below(2) === 0;
  const upWords = await upArgs(stage, detached);
  stage.says.push(`up ${upWords.slice(1).join(' ')}`);
  const up = start(world, upWords, { ownGroup: true });
  stage.commands.push(up.ended);
  if (!detached) stage.foreground.push(up);
  for (let left = 1 + random.below(5); left > 0; left--) {
    await delay(random.below(350));
    for (const pid of leaders(world)) stage.seen.add(pid);
    const name = random.pick(Object.keys(actions));
    stage.says.push(name);
    await actions[name]?.(stage);
  }
  for (const { pid } of stage.foreground) send(pid, 'SIGTERM');
  await Promise.all(stage.commands);
  const end = await dynamo(world, ['down', '--all']);
  stage.says.push(`down --all: ${end.code}`);
  if (end.code !== 0) throw new Error(`down ended with ${end.code}:\n${end.stderr}`);
  const known = ledgerPids(world);
  return { says: stage.says, unknown: [...stage.seen].filter((pid) => !known.has(pid)) };
}

async function upArgs({ world, random }: Stage, detached: boolean): Promise<string[]> {
  const profile = faulty(world, 'disagg', { prefill: random.pick(faults), decode: random.pick(faults) });
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

function command({ world, commands }: Stage, words: readonly string[]): void {
  commands.push(dynamo(world, words));
}
