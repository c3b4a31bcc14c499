/** Proves that a test left nothing behind: no process, listener, socket, temporary file or lock. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { environmentOf, isLiving, listeners, livingProcesses, openedBy } from './proc.ts';

/** The folders of a test, and the mark in the environment of everything it starts. */
export interface Scene {
  readonly mark: string;
  /** Contains all folders below. */
  readonly root: string;
  readonly state: string;
  readonly runtime: string;
  readonly temporary: string;
}

export interface Leftover {
  /** What it is, and the evidence. */
  readonly text: string;
  /** Set for processes. */
  readonly pid?: number;
}

export const markVariable = 'E2E_MARK';

export function leftovers(scene: Scene): Leftover[] {
  return [...processesLeft(scene), ...listenersLeft(scene), ...filesLeft(scene), ...cgroupsLeft(scene)];
}

/** Kills what `leftovers` found, so that the next test starts clean. */
export async function endLeftovers(scene: Scene): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const pids = processesLeft(scene).flatMap(({ pid }) => pid ?? []);
    if (pids.length === 0) return;
    for (const pid of pids) if (isLiving(pid)) process.kill(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function processesLeft({ mark, root }: Scene): Leftover[] {
  return livingProcesses().flatMap(({ pid, command, state }): Leftover[] => {
    if (pid === process.pid) return [];
    const marked = environmentOf(pid).get(markVariable) === mark;
    const opened = openedBy(pid).find((path) => path === root || path.startsWith(`${root}/`));
    const evidence = [
      ...(marked ? ['its environment'] : []),
      ...(opened === undefined ? [] : [`it holds ${opened}`]),
    ];
    if (evidence.length === 0) return [];
    return [
      { pid, text: `process ${pid} (${state}) ${command.slice(0, 160)}: known by ${evidence.join(', ')}` },
    ];
  });
}

/** A port may have been reused by another test, whose processes have another mark. */
function listenersLeft({ mark, state }: Scene): Leftover[] {
  const planned = new Set(plansIn(state).flatMap(portsOf));
  const open = [...listeners()].filter(([port]) => planned.has(port));
  if (open.length === 0) return [];
  const owners = livingProcesses().map(({ pid }) => ({ pid, opened: openedBy(pid) }));
  return open.flatMap(([port, inodes]): Leftover[] => {
    const owner = owners.find(({ opened }) => inodes.some((inode) => opened.includes(`socket:[${inode}]`)));
    const ownerMark = owner === undefined ? undefined : environmentOf(owner.pid).get(markVariable);
    if (ownerMark !== undefined && ownerMark !== mark) return [];
    return [
      {
        text: `a listener on the planned port ${port}, owned by ${owner === undefined ? 'no visible process' : `pid ${owner.pid}`}`,
      },
    ];
  });
}

function plansIn(state: string): string[] {
  return filesBelow(state).filter(
    (file) => file.endsWith('/plan.json') && lstatSync(file, { throwIfNoEntry: false })?.isFile(),
  );
}

/** Every value of every `ports` object in the file. */
function portsOf(planFile: string): number[] {
  const ports: number[] = [];
  try {
    JSON.parse(readFileSync(planFile, 'utf8'), (key: string, value: unknown) => {
      if (key === 'ports' && typeof value === 'object' && value !== null) ports.push(...Object.values(value));
      return value;
    });
  } catch {
    // a test damaged it
  }
  return ports;
}

function filesLeft({ state, runtime, temporary }: Scene): Leftover[] {
  const inState = filesBelow(state);
  const locks = inState.filter((file) => /\/dynamo\/(names|ports|gpus)\/[^/]+$/.test(file));
  const sockets = inState.filter((file) => lstatSync(file, { throwIfNoEntry: false })?.isSocket());
  return [
    ...filesBelow(temporary).map((file) => ({ text: `a temporary file: ${file}` })),
    ...[...filesBelow(runtime), ...sockets].map((file) => ({ text: `a socket or runtime file: ${file}` })),
    ...locks.map((file) => ({ text: `a lock: ${file}: ${textOf(file)}` })),
  ];
}

/** Below our own group, in every cgroup2 mount of this host. */
function cgroupsHere(): string[] {
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => (line.split(' ')[2] === 'cgroup2' ? [join(line.split(' ')[1] ?? '', own)] : []))
    .flatMap((folder) => namesIn(folder).map((name) => join(folder, name)));
}

/** Ids of runs are random: a group that is older than all tests of this file may have the id of one of their runs. */
const olderCgroups = new Set(cgroupsHere());

/** Control groups with the id of a run of this test. */
function cgroupsLeft({ state }: Scene): Leftover[] {
  const runs = namesIn(join(state, 'dynamo', 'runs'));
  return cgroupsHere()
    .filter((group) => !olderCgroups.has(group))
    .filter((group) => runs.some((run) => basename(group).startsWith(`dynamo-${run}-`)))
    .map((group) => ({ text: `a control group: ${group}` }));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // never made
  }
}

/** Files may disappear while we read. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return 'removed meanwhile';
  }
}

/** Everything except folders. */
function filesBelow(folder: string): string[] {
  let entries;
  try {
    entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch {
    return []; // never made
  }
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}
