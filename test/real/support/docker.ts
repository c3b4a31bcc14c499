/** A separate Docker daemon for a test file, with a private socket and folder. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { answers, dockerApi, type DockerApi } from './docker-api.ts';

export interface DockerDaemon extends DockerApi {
  readonly root: string;
  readonly socket: string;
  readonly env: Readonly<Record<string, string>>;
  /** Unless it answers. */
  start(): Promise<void>;
  /** Kills it, like a crash; its containers may keep running. */
  kill(): Promise<void>;
  /** Call it when no container is left: a killed daemon may have forgotten the proxies of their ports. */
  endProxies(): void;
  /** Stops it in order, and removes its folder. */
  end(): Promise<void>;
}

const readyMs = 60_000;

/** One at a time per host, as they share a bridge: waits for its turn. `flags`: more flags for dockerd. */
export async function startDocker(flags: readonly string[] = []): Promise<DockerDaemon> {
  for (const tool of ['dockerd', 'iptables', 'tar', 'ldd']) requireTool(tool);
  const turn = await myTurn();
  const root = mkdtempSync('/tmp/dockerd-');
  const socket = join(root, 'docker.sock');
  let child: ChildProcess | undefined;
  /** False if it gives up on its containerd: after a SIGKILL, the previous one may still be exiting. */
  const startOnce = async (): Promise<boolean> => {
    if (await answers(socket)) return true;
    endProxies((parent) => parent === 1);
    child = spawn(
      'dockerd',
      [
        ['--data-root', join(root, 'data')],
        ['--exec-root', join(root, 'exec')],
        ['--pidfile', join(root, 'pid')],
        ['--host', `unix://${socket}`],
        ['--fixed-cidr', freshAddresses()],
        // Otherwise a pull that stops halfway is retried for minutes.
        ['--max-download-attempts', '1'],
        flags,
      ].flat(),
      { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    );
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (log = (log + part).slice(-4_000)));
    const end = Date.now() + readyMs;
    while (!(await answers(socket))) {
      if (child.exitCode !== null && log.includes('timeout waiting for containerd')) return false;
      if (child.exitCode !== null || Date.now() > end) throw new Error(`dockerd does not start: ${log}`);
      await delay(50);
    }
    return true;
  };
  const start = async (): Promise<void> => {
    if (!(await startOnce()) && !(await startOnce()))
      throw new Error('dockerd does not start its containerd');
  };
  const ended = async (signal: NodeJS.Signals): Promise<void> => {
    const dying = child;
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return;
    const gone = new Promise((resolve) => dying.once('exit', resolve));
    dying.kill(signal);
    await gone;
  };
  await start();
  return {
    root,
    socket,
    env: { DOCKER_HOST: `unix://${socket}` },
    start,
    kill: async () => {
      await ended('SIGKILL');
      // Leftovers of a crash would prevent the next one from starting.
      rmSync(join(root, 'pid'), { force: true });
    },
    endProxies: () => endProxies(() => true),
    end: async () => {
      await ended('SIGTERM');
      endOrphans(root);
      unmount(root);
      rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
      turn.close();
    },
    ...dockerApi(socket),
  };
}

/**
 * A daemon killed while starting a container may leave an interface on the bridge that still answers for its address,
 * so each daemon assigns other addresses: 4,094 blocks of 16 in the bridge's network, the next one every second.
 */
function freshAddresses(): string {
  const block = (1 + (Math.floor(Date.now() / 1_000) % 4_094)) * 16;
  return `172.17.${Math.floor(block / 256)}.${block % 256}/28`;
}

export function requireTool(tool: string): void {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' });
  } catch (error) {
    throw new Error(`${tool} is missing: apt-get install -y docker.io iptables podman`, { cause: error });
  }
}

/** An abstract socket is released however this process ends. */
export async function myTurn(): Promise<Server> {
  for (;;) {
    const server = createServer();
    const mine = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen('\0dynamo-test-dockerd', () => resolve(true));
    });
    if (mine) return server.unref();
    await delay(200);
  }
}

/**
 * A killed daemon leaves its containers running, with addresses that the next one assigns again. Their root is in its
 * folder, which is on the command line of their shims.
 */
function endOrphans(root: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const mounts = textOf(`/proc/${pid}/mountinfo`).split('\n');
    const rooted = mounts.some((line) => line.split(' ')[4] === '/' && line.includes(`${root}/`));
    if (rooted || textOf(`/proc/${pid}/cmdline`).includes(root)) endSoftly(Number(pid));
  }
}

/** No other daemon runs during our turn: a proxy without its daemon only blocks a port. */
function endProxies(isMeant: (parent: number) => boolean): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const parent = Number(/^PPid:\s+(\d+)$/m.exec(textOf(`/proc/${pid}/status`))?.[1]);
    if (isMeant(parent) && /^\S*docker-proxy\0/.test(textOf(`/proc/${pid}/cmdline`))) endSoftly(Number(pid));
  }
}

function endSoftly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it exited with the previous one
  }
}

/** Empty for a process that has ended. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Unmounts what a killed daemon left, deepest first. */
export function unmount(root: string): void {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${root}/`))
    .toSorted((a, b) => b.length - a.length);
  for (const path of mounts) execFileSync('umount', ['--lazy', path]);
}
