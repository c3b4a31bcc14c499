/** `--from`: the deployment of a report of `dynamo report`, and what differs on this host. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { concealWords, hiddenMark } from '../base/secrets.ts';
import { openProfile } from './load-profile.ts';
import {
  parseRequest,
  requestFile,
  type StartedOn,
  type StoredRequest,
  withOwnSecrets,
} from './run-request.ts';
import { runProgram } from '../host/program.ts';
import type { Plan } from '../plan/plan.ts';
import type { PlanOptions } from '../plan/request.ts';
import { cleanName } from '../plan/run-name.ts';
import type { Profile } from '../profile/profile.ts';
import type { Setting } from '../profile/shown.ts';

export interface Reported {
  readonly profile: Profile;
  /** These options of the command line, and where they say nothing, those that the run was started with. */
  optionsWith(own: PlanOptions): PlanOptions;
  /** Lines about what is different where the run of this plan was prepared. */
  differencesTo(plan: Plan): readonly string[];
}

const tarMs = 60_000;

interface AskedReport {
  readonly file: string;
  /** Profiles that were named as well: there must be none. */
  readonly operands: readonly string[];
  readonly verb: 'up' | 'exec' | 'smoke';
}

/** Throws `usage` for a file that is no report, and what `openProfile` throws. */
export async function openReport(
  { file, operands, verb }: AskedReport,
  settings: readonly Setting[],
  environment: Environment,
): Promise<Reported> {
  if (operands.length > 0) {
    throw new DynamoError(
      'usage',
      `--from holds a profile already; it was also given: ${concealWords(operands).join(' ')}.`,
      {
        hint: `dynamo ${verb} --from ${file}`,
        fields: { option: '--from', file },
      },
    );
  }
  const request = parseRequest(await requestIn(file, environment), file);
  const text = JSON.stringify(request.profile, undefined, 2);
  if (text.includes(hiddenMark)) throw withSecrets(file);
  // As a file, so that it is checked as every profile is; JSON is YAML.
  const folder = mkdtempSync(join(tmpdir(), 'dynamo-from-'));
  try {
    const name = cleanName(request.profileName) || 'run';
    const path = join(folder, `${name}.yaml`);
    writeFileSync(path, text, { mode: 0o600 });
    const { profile } = await openProfile(path, settings, environment);
    const theirs = optionsOf(request, environment);
    return {
      profile,
      optionsWith: (own) => merged(own, theirs),
      differencesTo: (plan) => differences(request.startedOn, startedHere(plan)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Only this one file of it is read, and nothing is unpacked. */
async function requestIn(file: string, environment: Environment): Promise<string> {
  const words = ['-xzOf', file, '--wildcards', '--no-wildcards-match-slash', '*/request.json'];
  const ended = await runProgram({ program: 'tar', words, environment, timeoutMs: tarMs });
  if (ended?.code === 0 && ended.stdout !== '') return ended.stdout;
  const why = ended === undefined ? 'there is no tar on PATH' : (ended.stderr.split('\n')[0] ?? '');
  throw new DynamoError(
    'usage',
    `${file} is no report of dynamo: ${why.replace(/\.$/, '') || 'it has no request.json'}.`,
    {
      hint: `tar -tzf ${file}   # lists what is in it`,
      fields: { file },
    },
  );
}

function withSecrets(file: string): DynamoError {
  return new DynamoError('usage', `The profile in ${file} held secrets, which are not in the report.`, {
    hint: `tar -xzOf ${file} --wildcards '*/request.json'   # put your own in, and start that as a profile`,
    fields: { file },
  });
}

function optionsOf({ options, startedOn }: StoredRequest, environment: Environment): Partial<PlanOptions> {
  const { env = {}, rawArgs = [], ...rest } = options as Partial<PlanOptions>;
  if (rawArgs.some((word) => word.includes(hiddenMark))) {
    throw new DynamoError('usage', 'Arguments of the workers were secret and are not in the report.', {
      hint: 'give them after --',
    });
  }
  return {
    ...rest,
    engine: startedOn.engine as PlanOptions['engine'],
    env: withOwnSecrets(env, environment),
    rawArgs,
  };
}

function merged(own: PlanOptions, theirs: Partial<PlanOptions>): PlanOptions {
  const given = Object.entries(own).filter(([, value]) => value !== undefined && value !== 'auto');
  return {
    ...own,
    ...theirs,
    ...Object.fromEntries(given),
    env: { ...theirs.env, ...own.env },
    images: { ...theirs.images, ...own.images },
    replicas: { ...theirs.replicas, ...own.replicas },
    rawArgs: [...(theirs.rawArgs ?? []), ...own.rawArgs],
  };
}

/** As the run recorded it when it was prepared. */
function startedHere({ runFolder }: Plan): StartedOn {
  const file = requestFile(runFolder);
  return parseRequest(readFileSync(file, 'utf8'), file).startedOn;
}

function gpusOf({ gpus }: StartedOn): string {
  const names = [...new Set(gpus.map(({ name }) => name))].join(', ');
  return gpus.length === 0 ? 'none' : `${gpus.length} × ${names}`;
}

/** One line per difference; empty where this host is like the other one. */
function differences(there: StartedOn, here: StartedOn): string[] {
  const names = [...new Set([...Object.keys(there.packages), ...Object.keys(here.packages)])];
  const rows: readonly (readonly [what: string, there: string, here: string])[] = [
    ['dynamo-launcher', there.dynamo, here.dynamo],
    ['engine', there.engine, here.engine],
    ...names.map((name) => [name, there.packages[name] ?? 'none', here.packages[name] ?? 'none'] as const),
    ['GPUs', gpusOf(there), gpusOf(here)],
    ['model', there.model, here.model],
    ['node', there.node, here.node],
  ];
  return rows.filter(([, a, b]) => a !== b).map(([what, a, b]) => `differs: ${what}: ${a} there, ${b} here`);
}
