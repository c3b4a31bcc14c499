/** A Docker daemon of a test file's own, on a private socket and folder; asked over its API by code of our own. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface DockerDaemon {
  readonly root: string;
  readonly socket: string;
  readonly env: Readonly<Record<string, string>>;
  /** Unless it answers. */
  start(): Promise<void>;
  /** By SIGKILL, as a crash would; its containers may live on. */
  kill(): Promise<void>;
  /** In order, and removes its folder. */
  end(): Promise<void>;
  /** Answers the body, parsed where it is JSON. Throws for a status of 400 and more. */
  ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>;
  /** An image of a program, the libraries that it needs and other files, as `docker import` makes it. */
  makeImage(reference: string, files: readonly string[], changes: readonly string[]): Promise<void>;
  /** Containers, volumes and networks that a fresh daemon does not have, in words. */
  everything(): Promise<string[]>;
}

const readyMs = 60_000;

/** One at a time on a host, as they would share a bridge: waits for its turn. */
export async function startDocker(): Promise<DockerDaemon> {
  for (const tool of ['dockerd', 'iptables', 'tar', 'ldd']) requireTool(tool);
  const turn = await myTurn();
  const root = mkdtempSync('/tmp/dockerd-');
  const socket = join(root, 'docker.sock');
  let child: ChildProcess | undefined;
  /** False when it gives up on its containerd: after a SIGKILL, the one of before may still be going. */
  const startOnce = async (): Promise<boolean> => {
    if (await answers(socket)) return true;
    child = spawn(
      'dockerd',
      [
        ['--data-root', join(root, 'data')],
        ['--exec-root', join(root, 'exec')],
        ['--pidfile', join(root, 'pid')],
        ['--host', `unix://${socket}`],
        ['--fixed-cidr', freshAddresses()],
        // Else one that stops half way is tried again for minutes.
        ['--max-download-attempts', '1'],
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
  const ask: DockerDaemon['ask'] = async (method, path, body) =>
    parsed(await exchange(socket, method, path, body === undefined ? undefined : JSON.stringify(body)));
  await start();
  return {
    root,
    socket,
    env: { DOCKER_HOST: `unix://${socket}` },
    start,
    kill: async () => {
      await ended('SIGKILL');
      // What a crash leaves there keeps the next one from starting.
      rmSync(join(root, 'pid'), { force: true });
    },
    end: async () => {
      await ended('SIGTERM');
      endOrphans(root);
      unmount(root);
      rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
      turn.close();
    },
    ask,
    makeImage: async (reference, files, changes) => {
      const [repository, tag] = splitReference(reference);
      const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag });
      for (const change of changes) query.append('changes', change);
      await exchange(
        socket,
        'POST',
        `/images/create?${query.toString()}`,
        fileSystem(files),
        'application/x-tar',
      );
    },
    everything: async () => await everything(ask),
  };
}

/**
 * One that was killed while it started a container may leave that one's end of the bridge, which goes on to answer for
 * its address; so each daemon gives out others. 4,094 blocks of 16 in the bridge's own network, the next every second.
 */
function freshAddresses(): string {
  const block = (1 + (Math.floor(Date.now() / 1_000) % 4_094)) * 16;
  return `172.17.${Math.floor(block / 256)}.${block % 256}/28`;
}

function splitReference(reference: string): [repository: string, tag: string] {
  const at = reference.lastIndexOf(':');
  return [reference.slice(0, at), reference.slice(at + 1)];
}

function requireTool(tool: string): void {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' });
  } catch (error) {
    throw new Error(`${tool} is missing: apt-get install -y docker.io iptables`, { cause: error });
  }
}

/** An abstract socket is given back whatever becomes of us. */
async function myTurn(): Promise<Server> {
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
 * A daemon that was killed leaves its containers alive, with addresses that the next one gives out again. They have its
 * containers' ids in their control group, and their shims have its folder on the command line.
 */
function endOrphans(root: string): void {
  const ids = existsSync(join(root, 'data/containers')) ? readdirSync(join(root, 'data/containers')) : [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const groups = textOf(`/proc/${pid}/cgroup`);
    const ours =
      textOf(`/proc/${pid}/cmdline`).includes(root) || ids.some((id) => groups.includes(`docker/${id}`));
    if (ours) endSoftly(Number(pid));
  }
}

function endSoftly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended with the one before
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

/** What a daemon that was killed did not: deepest first. */
function unmount(root: string): void {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${root}/`))
    .toSorted((a, b) => b.length - a.length);
  for (const path of mounts) execFileSync('umount', ['--lazy', path]);
}

/** The files and what the dynamic linker would load for them, as a tar. */
export function fileSystem(files: readonly string[]): Buffer {
  const root = mkdtempSync('/tmp/image-');
  try {
    for (const file of files) {
      const [from = '', to = from] = file.split('=');
      for (const [source, target] of [
        [from, to] as const,
        ...librariesOf(from).map((each) => [each, each] as const),
      ]) {
        mkdirSync(dirname(join(root, target)), { recursive: true });
        cpSync(source, join(root, target), { recursive: true, dereference: true });
      }
    }
    mkdirSync(join(root, 'tmp'), { mode: 0o1777 });
    return execFileSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 2 ** 30 });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function librariesOf(file: string): string[] {
  if (!existsSync(file)) throw new Error(`${file} is missing`);
  try {
    const text = execFileSync('ldd', [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return [...text.matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => library);
  } catch {
    return []; // linked statically, or no program
  }
}

async function everything(ask: DockerDaemon['ask']): Promise<string[]> {
  const containers = (await ask('GET', '/containers/json?all=1')) as { Names: string[]; State: string }[];
  const volumes = (await ask('GET', '/volumes')) as { Volumes: { Name: string }[] | null };
  const networks = (await ask('GET', '/networks')) as { Name: string }[];
  return [
    ...containers.map(({ Names, State }) => `container ${Names.join(',')} (${State})`),
    ...(volumes.Volumes ?? []).map(({ Name }) => `volume ${Name}`),
    ...networks.filter(({ Name }) => !/^(bridge|host|none)$/.test(Name)).map(({ Name }) => `network ${Name}`),
  ];
}

async function answers(socket: string): Promise<boolean> {
  return await exchange(socket, 'GET', '/_ping').then(
    () => true,
    () => false,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function exchange(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Buffer,
  type = 'application/json',
): Promise<string> {
  return await new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers: { 'content-type': type } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => {
        if ((answer.statusCode ?? 500) < 400) resolve(text);
        else reject(new Error(`${method} ${path}: HTTP ${answer.statusCode} ${text}`));
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}
