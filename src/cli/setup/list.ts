/** `dynamo setup list`: what was made, whether it is whole, and what `up` would take for each engine. */
import type { Environment } from '../../base/environment.ts';
import type { UpstreamKind } from '../../engine/engine.ts';
import { upstreamEngines } from '../../engine/engines.ts';
import { lacksBackend } from '../../plan/choose-engine.ts';
import { findPythonEnvironment } from '../../python/find-environment.ts';
import { dataFolders, listSetups, readSetupRecord, type SetupRecord } from '../../python/setup-folders.ts';
import { DynamoError } from '../../base/error.ts';
import type { PythonEnvironment } from '../../plan/request.ts';
import { interpreterIn } from '../../python/read-environment.ts';
import { environmentJson, holdsText, setupTable } from '../../view/setup-text.ts';
import { styleFor } from '../../view/style.ts';

export interface Setup {
  readonly name: string;
  readonly folder: string;
  readonly record: SetupRecord;
}

/** Everything that `dynamo setup` made for this user, unfinished ones too. */
export function allSetups(environment: Environment): Setup[] {
  const { environments, infra } = dataFolders(environment);
  const record = readSetupRecord(infra);
  const programs = record === undefined ? [] : [{ name: 'infra', folder: infra, record }];
  return [...listSetups(environments), ...programs];
}

export async function list({ json }: { readonly json?: true }, environment: Environment): Promise<number> {
  const rows = allSetups(environment).map(({ name, folder, record }) => ({
    name,
    holds: holdsText(record),
    state: stateOf(folder, record),
    python: record.pythonVersion,
    bytes: record.bytes,
    folder,
  }));
  const taken = Object.values(upstreamEngines).map((kind) => ({ kind, python: takenFor(kind, environment) }));
  if (json === true) {
    const takenJson = Object.fromEntries(
      taken.map(({ kind, python }) => [
        kind.name,
        typeof python === 'object' ? environmentJson(python) : python,
      ]),
    );
    process.stdout.write(`${JSON.stringify({ version: 1, setups: rows, taken: takenJson }, undefined, 2)}\n`);
    return 0;
  }
  if (rows.length === 0) process.stderr.write('nothing was made yet: dynamo setup --help\n');
  else process.stdout.write(`${setupTable(rows, styleFor(process.stdout, environment))}\n`);
  for (const { kind, python } of taken) process.stderr.write(`${kind.name}: ${takenText(kind, python)}\n`);
  return 0;
}

/** An environment outlives the Python that it was made from, but does not work any more. */
function stateOf(folder: string, { state, engine }: SetupRecord): string {
  if (state === 'unfinished') return 'unfinished';
  return engine === 'infra' || interpreterIn(folder) !== undefined ? 'complete' : 'its Python is gone';
}

/** What a plan would take, or why it would fail. */
function takenFor(
  { python }: UpstreamKind,
  environment: Environment,
): PythonEnvironment | string | undefined {
  try {
    return findPythonEnvironment({ environment, backend: python.backend });
  } catch (error) {
    if (error instanceof DynamoError) return error.message;
    throw error;
  }
}

function takenText(
  { name, python: need }: UpstreamKind,
  python: PythonEnvironment | string | undefined,
): string {
  if (typeof python === 'string') return python;
  const lacking = python === undefined || lacksBackend(need.backend, python);
  return lacking ? `none is found; dynamo setup --engine ${name}` : `${python.folder} (${python.because})`;
}
