/** `dynamo setup list`: what was made, whether it is whole, and what `up` would take for each engine. */
import { findPythonEnvironment } from '../../python/find-environment.ts';
import { dataFolders } from '../../python/data-folders.ts';
import { DynamoError } from '../../base/error.ts';
import type { PythonEnvironment } from '../../plan/request.ts';
import { interpreterIn } from '../../python/read-environment.ts';
import { listSetups, readSetupRecord, type SetupRecord } from '../../python/setup-record.ts';
import { holdsText, setupTable } from '../../view/setup-text.ts';
import { styleFor } from '../../view/style.ts';

export interface Setup {
  readonly name: string;
  readonly folder: string;
  readonly record: SetupRecord;
}

/** Everything that `dynamo setup` made for this user, unfinished ones too. */
export function allSetups(): Setup[] {
  const { environments, infra } = dataFolders(process.env);
  const record = readSetupRecord(infra);
  const programs = record === undefined ? [] : [{ name: 'infra', folder: infra, record }];
  return [...listSetups(environments), ...programs];
}

export async function list({ json }: { readonly json?: true }): Promise<number> {
  const rows = allSetups().map(({ name, folder, record }) => ({
    name,
    holds: holdsText(record),
    state: stateOf(folder, record),
    python: record.pythonVersion,
    bytes: record.bytes,
    folder,
  }));
  const taken = { sglang: takenFor('sglang'), mocker: takenFor('base') };
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ version: 1, setups: rows, taken }, undefined, 2)}\n`);
    return 0;
  }
  if (rows.length === 0) process.stderr.write('nothing was made yet: dynamo setup --help\n');
  else process.stdout.write(`${setupTable(rows, styleFor(process.stdout, process.env))}\n`);
  for (const [engine, python] of Object.entries(taken))
    process.stderr.write(`${engine}: ${takenText(engine, python)}\n`);
  return 0;
}

/** An environment outlives the Python that it was made from, but does not work any more. */
function stateOf(folder: string, { state, engine }: SetupRecord): string {
  if (state === 'unfinished') return 'unfinished';
  return engine === 'infra' || interpreterIn(folder) !== undefined ? 'complete' : 'its Python is gone';
}

/** What a plan would take, or why it would fail. */
function takenFor(need: 'sglang' | 'base'): PythonEnvironment | string | undefined {
  try {
    return findPythonEnvironment({ environment: process.env, need });
  } catch (error) {
    if (error instanceof DynamoError) return error.message;
    throw error;
  }
}

function takenText(engine: string, python: PythonEnvironment | string | undefined): string {
  if (typeof python === 'string') return python;
  const lacking = python === undefined || (engine === 'sglang' && python.sglangVersion === undefined);
  return lacking ? `none is found; dynamo setup --engine ${engine}` : `${python.folder} (${python.because})`;
}
