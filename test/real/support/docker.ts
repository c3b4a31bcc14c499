/** A Docker daemon of a test file's own, on a private socket and folder; asked over its API by code of our own. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface DockerDaemon {
  readonly socket: string;
  readonly env: Readonly<Record<string, string>>;
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
  const start = async (): Promise<void> => {
    child = spawn(
      'dockerd',
      [
        ['--data-root', join(root, 'data')],
        ['--exec-root', join(root, 'exec')],
        ['--pidfile', join(root, 'pid')],
        ['--host', `unix://${socket}`],
      ].flat(),
      { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    );
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (log = (log + part).slice(-4_000)));
    const end = Date.now() + readyMs;
    while (!(await answers(socket))) {
      if (child.exitCode !== null || Date.now() > end) throw new Error(`dockerd does not start: ${log}`);
      await delay(50);
    }
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
      endShims(root);
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

/** A daemon that was killed leaves the shims of its containers behind; they have its folder on their command lines. */
function endShims(root: string): void {
  const pids = execFileSync('ls', ['/proc'], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(root)) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // it has ended
    }
  }
}

/** The files and what the dynamic linker would load for them, as a tar. */
function fileSystem(files: readonly string[]): Buffer {
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
