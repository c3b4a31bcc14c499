/** Starts deployments for tests, and reads what `dynamo` reports about them. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI from 'openai';
import { type Options, succeed } from './cli.ts';
import { freePort } from './ports.ts';
import type { World } from './world.ts';

/** What `up --detach --json` prints. */
export interface Up {
  readonly runId: string;
  readonly name: string;
  readonly url: string;
  readonly model: string;
  readonly engine: string;
  readonly processes: readonly { readonly name: string; readonly ports: Readonly<Record<string, number>> }[];
  /** Addresses of etcd and NATS, if the run uses them. */
  readonly infra?: Readonly<Record<string, readonly string[]>>;
  readonly proof: { readonly answer: string; readonly usedRoles: readonly string[]; readonly reuse?: string };
}

export interface Running extends Up {
  readonly client: OpenAI;
  readonly notes: string;
}

/** `up PROFILE --detach --engine sim` on a free port. */
export async function up(
  world: World,
  profile: string,
  more: readonly string[] = [],
  options: Options = {},
): Promise<Running> {
  const port = String(await freePort());
  const args = ['up', profile, '--detach', '--json', '--engine', 'sim', '--http-port', port, ...more];
  const { stdout, stderr } = await succeed(world, args, options);
  const result = JSON.parse(stdout) as Up;
  return { ...result, client: clientOf(result.url), notes: stderr };
}

/** Arguments for commands that start runs: the embedded engine, and a preferred port of this test only. */
export async function onSim(): Promise<string[]> {
  return ['--engine', 'sim', '--set', `httpPort=${await freePort()}`];
}

export function clientOf(url: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'EMPTY', maxRetries: 0, timeout: 10_000 });
}

/** One row of `ps --json`. */
export interface RunRow {
  readonly runId: string;
  readonly name: string;
  readonly profile: string;
  readonly state: string;
  readonly url: string;
  readonly startedAt: string;
  readonly supervisorPid: number;
  readonly logs: string;
  readonly processes: readonly {
    readonly name: string;
    readonly since: string;
    readonly state: string;
    readonly gpus: readonly string[];
    readonly pid?: number;
    readonly restarts: number;
    readonly health: string;
    readonly cpuPercent?: number;
    readonly memoryBytes?: number;
    readonly ports: Readonly<Record<string, number>>;
  }[];
}

export async function ps(world: World, ...flags: readonly string[]): Promise<RunRow[]> {
  const { stdout } = await succeed(world, ['ps', '--json', ...flags]);
  const { version, runs } = JSON.parse(stdout) as { version: number; runs: RunRow[] };
  if (version !== 1) throw new Error(`ps --json has version ${version}`);
  return runs;
}

export async function pidOf(world: World, processName: string): Promise<number> {
  const [run] = await ps(world);
  const pid = run?.processes.find(({ name }) => name === processName)?.pid;
  if (pid === undefined) throw new Error(`${processName} has no pid in ${JSON.stringify(run)}`);
  return pid;
}

/** Writes a profile that adds arguments of the embedded engine to components of a shipped one. Returns its path. */
export function faulty(
  world: World,
  base: string,
  faults: Readonly<Record<string, readonly string[]>>,
): string {
  const components = Object.entries(faults).map(
    ([name, words]) => `  ${name}:\n    engineArgs:\n      sim: ${JSON.stringify(words)}\n`,
  );
  writeFileSync(join(world.work, 'faulty.yaml'), `extends: ${base}\ncomponents:\n${components.join('')}`);
  return './faulty.yaml';
}

/** The contents of all files below a folder. Upstream's file discovery replaces some of its files at any time. */
export function textBelow(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => textIfThere(join(entry.parentPath, entry.name)))
    .join('\n');
}

function textIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (existsSync(file)) throw error;
    return '';
  }
}

/** The sum of `dynamo_component_requests_total` over the generate endpoint of one process. */
export async function requestsOf({ processes }: Up, processName: string): Promise<number> {
  const system = processes.find(({ name }) => name === processName)?.ports['system'];
  const text = await (await fetch(`http://127.0.0.1:${system}/metrics`)).text();
  const lines = text
    .split('\n')
    .filter((line) => /^dynamo_component_requests_total\{.*"generate"/.test(line));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
