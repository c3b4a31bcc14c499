/** Two hosts on one machine: network namespaces that a pair of virtual interfaces joins, each with a state folder of its own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { executable, type Ended, type Session, startCommand } from '../../e2e/harness/cli.ts';
import { createWorld, test as base, type World } from '../../e2e/harness/world.ts';
import { install, versions } from './installed.ts';
import { endLeftovers, leftovers } from '../../oracle/leftovers.ts';

export interface Host {
  readonly address: string;
  /** Its address of IPv6. */
  readonly address6: string;
  readonly world: World;
  /** Runs any command there. */
  run(argv: readonly string[]): Session;
  /** Runs `dynamo` there, and throws with all that was said unless it ended with 0. */
  dynamo(...args: readonly string[]): Promise<Ended>;
  /** Whether packets from and to it pass, as with its cable. */
  plug(inPlace: boolean): void;
  /** The body of what `url` answers there. */
  get(url: string, body?: unknown, limitS?: number): Promise<string>;
}

const ip = (...args: readonly string[]): string => execFileSync('/usr/sbin/ip', args, { encoding: 'utf8' });

/** `test` with two `hosts`; needs root. Afterwards nothing is left on either of them, and their namespaces are gone. */
export const test = base.extend<{ hosts: readonly [Host, Host] }>({
  hosts: async ({ world }, use) => {
    const other = createWorld();
    const names = [`dynamo-${process.pid}-a`, `dynamo-${process.pid}-b`] as const;
    // The first one starts etcd.
    const [newest] = versions();
    if (newest !== undefined) install(world, newest);
    try {
      connect(names);
      await use([hostOf(names[0], '10.77.0.1', world), hostOf(names[1], '10.77.0.2', other)]);
      const left = [...leftovers(other), ...names.flatMap(processesIn)];
      if (left.length > 0) throw new Error(`left behind:\n${left.map(({ text }) => `  ${text}`).join('\n')}`);
    } finally {
      await Promise.all([endLeftovers(world), endLeftovers(other)]);
      for (const name of names) ip('netns', 'delete', name);
      rmSync(other.root, { recursive: true, force: true });
    }
  },
});

function connect([one, two]: readonly [string, string]): void {
  for (const name of [one, two]) ip('netns', 'add', name);
  ip('link', 'add', 'eth0', 'netns', one, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', two);
  for (const [name, address] of [
    [one, '10.77.0.1/24'],
    [two, '10.77.0.2/24'],
  ] as const) {
    ip('-n', name, 'address', 'add', address, 'dev', 'eth0');
    ip('-n', name, 'address', 'add', `${address6Of(address)}/64`, 'dev', 'eth0', 'nodad');
    for (const link of ['lo', 'eth0']) ip('-n', name, 'link', 'set', link, 'up');
    // As every host has: Dynamo up to 1.4 looks for its own address there.
    ip('-n', name, 'route', 'add', 'default', 'dev', 'eth0');
  }
}

/** `fd00:77::2` of `10.77.0.2/24`. */
function address6Of(address: string): string {
  return `fd00:77::${/\.(\d+)(?:\/|$)/.exec(address)?.[1]}`;
}

function processesIn(name: string): { text: string }[] {
  const pids = ip('netns', 'pids', name).split('\n').filter(Boolean);
  return pids.map((pid) => ({ text: `process ${pid} in network namespace ${name}` }));
}

function hostOf(name: string, address: string, world: World): Host {
  const memory = join(world.root, 'shm');
  mkdirSync(memory, { recursive: true });
  // Ranks of SGLang that see the memory of one another take it that they are on one host.
  const ownMemory = ['sh', '-c', '/usr/bin/mount --bind "$1" /dev/shm && shift && exec "$@"', 'sh', memory];
  const run = (argv: readonly string[]): Session =>
    startCommand(world, ['/usr/sbin/ip', 'netns', 'exec', name, ...ownMemory, ...argv]);
  const succeed = async (argv: readonly string[]): Promise<Ended> => {
    const ended = await run(argv).ended;
    if (ended.code === 0) return ended;
    throw new Error(
      `${argv.join(' ')} ended with ${ended.signal ?? ended.code}:\n${ended.stdout}\n${ended.stderr}`,
    );
  };
  return {
    address,
    address6: address6Of(address),
    world,
    run,
    dynamo: async (...args) => await succeed([process.execPath, executable, ...args]),
    plug: (inPlace) => {
      ip('-n', name, 'link', 'set', 'eth0', inPlace ? 'up' : 'down');
      if (inPlace) ip('-n', name, 'route', 'replace', 'default', 'dev', 'eth0');
    },
    get: async (url, body, limitS = 60) => {
      const data =
        body === undefined ? [] : ['-H', 'content-type: application/json', '-d', JSON.stringify(body)];
      return (await succeed(['curl', '-gsS', '-m', String(limitS), ...data, url])).stdout;
    },
  };
}
