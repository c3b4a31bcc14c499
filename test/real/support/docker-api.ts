/** Requests of tests to a Docker daemon or Podman over its socket, without code from src. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';

export interface DockerApi {
  /** Returns the body, parsed if it is JSON. Throws if the status is 400 or more. */
  ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>;
  /** An image of a program with its libraries and other files, as from `docker import`. */
  makeImage(reference: string, files: readonly string[], changes: readonly string[]): Promise<void>;
  /** Describes containers, volumes and networks that a fresh daemon does not have. */
  everything(): Promise<string[]>;
}

export function dockerApi(socket: string): DockerApi {
  const ask: DockerApi['ask'] = async (method, path, body) =>
    parsed(await exchange(socket, method, path, body === undefined ? undefined : JSON.stringify(body)));
  return {
    ask,
    makeImage: async (reference, files, changes) => {
      const [repository, tag] = splitReference(reference);
      const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag });
      for (const change of changes) query.append('changes', change);
      const path = `/images/create?${query.toString()}`;
      await exchange(socket, 'POST', path, fileSystem(files), 'application/x-tar');
    },
    everything: async () => await everything(ask),
  };
}

function splitReference(reference: string): [repository: string, tag: string] {
  const at = reference.lastIndexOf(':');
  return [reference.slice(0, at), reference.slice(at + 1)];
}

/** The files and their shared libraries, as a tar. */
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
    return []; // linked statically, or not a program
  }
}

async function everything(ask: DockerApi['ask']): Promise<string[]> {
  const containers = (await ask('GET', '/containers/json?all=1')) as { Names: string[]; State: string }[];
  const volumes = (await ask('GET', '/volumes')) as { Volumes: { Name: string }[] | null };
  const networks = (await ask('GET', '/networks')) as { Name: string }[];
  return [
    ...containers.map(({ Names, State }) => `container ${Names.join(',')} (${State})`),
    ...(volumes.Volumes ?? []).map(({ Name }) => `volume ${Name}`),
    ...networks
      .filter(({ Name }) => !/^(bridge|host|none|podman)$/.test(Name))
      .map(({ Name }) => `network ${Name}`),
  ];
}

export async function answers(socket: string): Promise<boolean> {
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
