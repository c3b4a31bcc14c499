/** The Python environments for tests of real engines: from variables, or from `dynamo setup`. */
import { basename, delimiter } from 'node:path';
import { dataFolders, listSetups } from '../../../src/python/setup-folders.ts';

/**
 * Folders from DYNAMO_TEST_MOCKER or DYNAMO_TEST_SGLANG, separated as in PATH; else those of `dynamo setup`. Throws
 * if there is none.
 */
export function pythonFolders(engine: 'mocker' | 'sglang'): string[] {
  const variable = `DYNAMO_TEST_${engine.toUpperCase()}`;
  const named = (process.env[variable] ?? '').split(delimiter).filter((folder) => folder !== '');
  if (named.length > 0) return named;
  const made = listSetups(dataFolders(process.env).environments).filter(
    ({ name, record }) =>
      record.state === 'complete' && record.engine === engine && !name.endsWith('-planner'),
  );
  if (made.length > 0) return made.map(({ folder }) => folder);
  throw new Error(
    `no Python environment for ${engine}: run \`dynamo setup --engine ${engine}\`, or set ${variable}=FOLDER`,
  );
}

/** Rows for `describe.each`, with the name shown in reports. */
export function pythons(engine: 'mocker' | 'sglang'): { name: string; python: string }[] {
  return pythonFolders(engine).map((python) => ({ name: basename(python), python }));
}

/** The mocker with upstream's planner: the folder in DYNAMO_TEST_PLANNER, or that of `dynamo setup`. Throws if there is none. */
export function plannerPython(): string {
  const named = process.env['DYNAMO_TEST_PLANNER'];
  const made = listSetups(dataFolders(process.env).environments).find(
    ({ name, record }) => record.state === 'complete' && /^mocker-.*-planner$/.test(name),
  );
  const folder = named || made?.folder;
  if (folder !== undefined) return folder;
  throw new Error(
    'no Python environment with the planner: run `dynamo setup --engine mocker --with planner`, or set DYNAMO_TEST_PLANNER=FOLDER',
  );
}
