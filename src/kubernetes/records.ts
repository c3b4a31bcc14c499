/** Records of the deployments that this host made on clusters: where each is, and how to prove that it serves. */
import type { Environment } from '../base/environment.ts';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flag, map, number, object, oneOf, optional, text } from '../base/shape.ts';
import { goodOrReport, readStored, recordFormat } from '../host/stored.ts';
import type { ProofSpec, WorkerMode } from '../profile/profile.ts';
import { stateFolder } from '../run/folders.ts';
import type { Place } from './kubectl.ts';
import { parseJson } from './parse-objects.ts';
import { apiVersions, type ApiVersion } from './target.ts';

/** How to prove that a deployment serves, from its profile. */
export interface ServedAs {
  readonly profile: string;
  /** In the API. */
  readonly model: string;
  readonly modelPath: string;
  readonly proof: ProofSpec;
  /** The router sends requests to where their prefix is cached; proving that is part of the proof. */
  readonly provesReuse: boolean;
  /** Of the workers, by the names that components have in the graph. */
  readonly modes: Readonly<Record<string, WorkerMode>>;
  /** The Service that answers. */
  readonly service: string;
}

export interface ClusterRun extends Place {
  readonly runId: string;
  readonly name: string;
  /** Name of the DynamoGraphDeployment: the name of the run with `-` for `_`. */
  readonly graph: string;
  readonly uid: string;
  readonly apiVersion: ApiVersion;
  readonly startedAt: number;
  readonly detached: boolean;
  readonly served: ServedAs;
}

const servedShape = object({
  profile: text,
  model: text,
  modelPath: text,
  proof: object({ request: text }),
  provesReuse: flag,
  modes: map(text),
  service: text,
});

const shape = object({
  runId: text,
  name: text,
  graph: text,
  uid: text,
  namespace: text,
  context: optional(text),
  kubeconfig: optional(text),
  apiVersion: oneOf(...apiVersions),
  startedAt: number,
  detached: flag,
  served: servedShape,
});

/** On the deployment itself, so that other hosts can use it. */
export const servedAnnotation = 'dynamo.run/served';

/** `undefined` if the annotation is missing or malformed. */
export function servedFrom(annotation: string | undefined): ServedAs | undefined {
  const value = parseJson(annotation ?? '');
  return value !== undefined && servedShape(value, '') === undefined
    ? (value as unknown as ServedAs)
    : undefined;
}

function folderOf(environment: Environment): string {
  return join(stateFolder(environment), 'kubernetes');
}

/** Oldest first. A record that cannot be read is reported and skipped. */
export function clusterRuns(environment: Environment): ClusterRun[] {
  const folder = folderOf(environment);
  return filesIn(folder)
    .filter((file) => file.endsWith('.json'))
    .flatMap((name) => {
      const file = join(folder, name);
      return goodOrReport(file, readStored<ClusterRun>(file, shape), `rm ${file}`) ?? [];
    })
    .toSorted((a, b) => a.startedAt - b.startedAt);
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

export function rememberRun(environment: Environment, run: ClusterRun): void {
  const folder = folderOf(environment);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = recordFile(environment, run.runId);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify({ format: recordFormat, ...run }, undefined, 2)}\n`, {
    mode: 0o600,
  });
  renameSync(draft, file);
}

export function forgetRun(environment: Environment, runId: string): void {
  rmSync(recordFile(environment, runId), { force: true });
}

export function recordFile(environment: Environment, runId: string): string {
  return join(folderOf(environment), `${runId}.json`);
}
