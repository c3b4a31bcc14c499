/**
 * What a run was asked to be, without secrets: `request.json` in its folder, from which `dynamo report` takes it and
 * `dynamo up --from` starts the same elsewhere.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { concealWords, conceal, hiddenMark, isHarmless } from '../base/secrets.ts';
import { anything, list, map, number, object, optional, text } from '../base/shape.ts';
import { recordFormat } from '../host/stored.ts';
import type { HostFacts, PlanOptions } from '../plan/request.ts';
import { isServing, type Plan, workerCounts } from '../plan/plan.ts';
import { version } from '../package/version.ts';
import type { Profile } from '../profile/profile.ts';
import { shownProfile } from '../profile/shown.ts';

/** What a run was started on; versions that differ elsewhere may explain why it behaves differently there. */
export interface StartedOn {
  readonly dynamo: string;
  readonly node: string;
  readonly engine: string;
  /** Of the Python environment: Dynamo, SGLang and so on, by name. */
  readonly packages: Readonly<Record<string, string>>;
  readonly gpus: readonly { readonly name: string; readonly totalMiB: number }[];
  readonly model: string;
}

export interface StoredRequest {
  readonly format: number;
  readonly profileName: string;
  /** A profile file, with all parameters replaced. */
  readonly profile: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Partial<Record<keyof PlanOptions, unknown>>>;
  readonly startedOn: StartedOn;
}

export function requestFile(runFolder: string): string {
  return join(runFolder, 'request.json');
}

/** What is about the other host alone. */
const ofHost = new Set(['python', 'gpus', 'detached', 'hosts', 'httpHost']);

interface Asked {
  readonly profile: Profile;
  readonly options: PlanOptions;
  readonly host: HostFacts | undefined;
}

/** Never fails: a full disk keeps no run from starting. */
export function writeRequest(plan: Plan, asked: Asked): void {
  try {
    writeFileSync(requestFile(plan.runFolder), requestText(plan, asked), { mode: 0o600, flag: 'wx' });
  } catch {
    // The run does not need it.
  }
}

/** After `up --replace` has changed what the run is. Never fails. */
export function rewriteRequest(plan: Plan, asked: Asked): void {
  const file = requestFile(plan.runFolder);
  try {
    writeFileSync(`${file}.new`, requestText(plan, asked), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch {
    // The run does not need it.
  }
}

function requestText(plan: Plan, { profile, options, host }: Asked): string {
  const { name: profileName, origin: _, file: __, parameters: ___, ...document } = shownProfile(profile);
  const stays = Object.entries(options).filter(([key]) => !ofHost.has(key));
  const request: StoredRequest = {
    format: recordFormat,
    profileName,
    profile: document,
    options: {
      ...Object.fromEntries(stays),
      env: shownVariables(options.env),
      rawArgs: concealWords(options.rawArgs),
    },
    startedOn: startedOn(plan, host),
  };
  return `${JSON.stringify(request, undefined, 2)}\n`;
}

/** With the number of workers that `dynamo scale` has made of what was asked for. */
export function requestNow(request: StoredRequest, plan: Plan): StoredRequest {
  if (!isServing(plan) || plan.share !== undefined) return request;
  const asked = (request.options.replicas ?? {}) as Readonly<Record<string, number>>;
  const components = (request.profile['components'] ?? {}) as Readonly<
    Record<string, { readonly replicas?: number }>
  >;
  const changed = Object.entries(workerCounts(plan)).filter(
    ([name, count]) => count !== (asked[name] ?? components[name]?.replicas ?? 1),
  );
  if (changed.length === 0) return request;
  const replicas = { ...asked, ...Object.fromEntries(changed) };
  return { ...request, options: { ...request.options, replicas } };
}

export function startedOn(plan: Plan, host: HostFacts | undefined): StartedOn {
  const { dynamoVersion, backends = {}, torchVersion } = host?.python ?? {};
  const packages = Object.entries({ dynamo: dynamoVersion, ...backends, torch: torchVersion });
  return {
    dynamo: version,
    node: process.versions.node,
    engine: plan.engine,
    packages: Object.fromEntries(packages.filter((each): each is [string, string] => each[1] !== undefined)),
    gpus: (host?.gpus ?? []).map(({ name, totalMiB }) => ({ name, totalMiB })),
    model: 'model' in plan ? plan.model.path : '',
  };
}

function shownVariables(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, isHarmless(name, value) ? conceal(value) : hiddenMark]),
  );
}

const shape = object({
  format: number,
  profileName: text,
  profile: anything,
  options: object({ env: optional(map(text)), rawArgs: optional(list(text)) }),
  startedOn: object({
    dynamo: text,
    node: text,
    engine: text,
    packages: map(text),
    gpus: list(object({ name: text, totalMiB: number })),
    model: text,
  }),
});

/** Throws `usage` for what is no request, or one of a later format. `file`: where it was, for people. */
export function parseRequest(words: string, file: string): StoredRequest {
  let value: unknown;
  try {
    value = JSON.parse(words);
  } catch {
    throw notOne(file, 'it is no JSON');
  }
  const wrong = shape(value, '');
  if (wrong !== undefined) throw notOne(file, typeof wrong === 'string' ? wrong : 'a field is missing');
  const request = value as StoredRequest;
  if (request.format > recordFormat)
    throw notOne(file, `its format is ${request.format}, of a later version`);
  return request;
}

function notOne(file: string, why: string): DynamoError {
  return new DynamoError('usage', `${file} holds no deployment: ${why}.`, {
    hint: 'dynamo report   # makes a file that `dynamo up --from` takes',
    fields: { file },
  });
}

/** Puts secrets of this host in the place of those that were left out. Throws `usage` where there is none. */
export function withOwnSecrets(
  env: Readonly<Record<string, string>>,
  environment: Environment,
): Record<string, string> {
  const lacking: string[] = [];
  const filled = Object.entries(env).map(([name, value]): [string, string] => {
    if (!value.includes(hiddenMark)) return [name, value];
    const own = environment[name];
    if (own === undefined) lacking.push(name);
    return [name, own ?? ''];
  });
  if (lacking.length === 0) return Object.fromEntries(filled);
  throw new DynamoError('usage', `These were secret and are not in the report: ${lacking.join(', ')}.`, {
    hint: lacking.map((name) => `export ${name}=…`).join('; '),
    fields: { choices: lacking },
  });
}
