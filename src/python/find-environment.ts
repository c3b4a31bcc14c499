/** Chooses the Python environment: the user's own come before those that `dynamo setup` created. */
import { resolve } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { compareVersions } from '../base/package-version.ts';
import type { Backend } from '../engine/engine.ts';
import { findEngine } from '../engine/engines.ts';
import type { PythonEnvironment } from '../plan/request.ts';
import { dataFolders, listSetups, readSetupRecord } from './setup-folders.ts';
import {
  inFolder,
  type Installed,
  type Located,
  locateOnPath,
  locatePython,
  readEnvironment,
  readMounted,
} from './read-environment.ts';

export interface PythonSearch {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The value of --python: a folder, an interpreter, or a command on PATH. */
  readonly asked?: string | undefined;
  /** What it must contain besides Dynamo; `undefined` if Dynamo is enough. */
  readonly backend: Backend | undefined;
  /** What else it may lack, in words, for a version of Dynamo; `has`: whether a module can be found in it. */
  readonly further?: (version: string, has: (module: string) => boolean) => string | undefined;
}

type Need = Pick<PythonSearch, 'backend' | 'further'>;

interface Candidate {
  /** Why it is a candidate, as shown in a plan. */
  readonly origin: string;
  readonly found: Installed;
  readonly unfinished: boolean;
}

/**
 * The first that has what is needed, in this order: --python, DYNAMO_PYTHON, the active venv, the active conda environment,
 * those of `dynamo setup` (newest first), that of python3 on PATH. If none has the backend, the first with Dynamo only, so that
 * a message can say what is missing. An environment that the user names is used, or fails with `environment` if it lacks Dynamo.
 */
export function findPythonEnvironment(search: PythonSearch): PythonEnvironment | undefined {
  const named = namedByUser(search);
  if (named !== undefined) return toEnvironment(named, []);
  const candidates = [...active(search.environment), ...fromSetup(search), ...onPath(search.environment)];
  const fitting = candidates.find((each) => lack(each, search) === undefined);
  const best =
    fitting ??
    candidates.find((each) => lack(each, { backend: search.backend }) === undefined) ??
    candidates.find((each) => lack(each, { backend: undefined }) === undefined);
  if (best === undefined) return undefined;
  return toEnvironment(best, skipped(candidates.slice(0, candidates.indexOf(best)), search));
}

/** With `--runtime docker --python FOLDER`. Throws `environment` if it holds no Dynamo. */
export function mountedEnvironment(asked: string): PythonEnvironment {
  const found = readMounted(resolve(asked));
  const origin = '--python, mounted into the image';
  const known = toEnvironment({ origin, found, unfinished: false }, []);
  if (known !== undefined) return { ...known, mounted: true };
  throw new DynamoError(
    'environment',
    `--python ${asked}: with --runtime docker, it must be an environment with Dynamo that was built in the image, and holds none.`,
    {
      hint: `ls -d ${asked}/lib/python3*/site-packages/ai_dynamo-*   # or leave out --python: the image has Dynamo`,
      fields: { option: '--python', asked },
    },
  );
}

/** A suitable environment that was not created by `dynamo setup`, with `version` if given: nothing needs to be installed. */
export function findUsersEnvironment(
  { environment, asked, ...need }: PythonSearch,
  version: string | undefined,
): PythonEnvironment | undefined {
  const located = asked === undefined ? undefined : locatePython(asked, environment);
  const candidates =
    asked !== undefined
      ? located === undefined
        ? []
        : [look('--python', located, environment.HOME)]
      : [...fromVariable(environment), ...active(environment), ...onPath(environment)];
  const fitting = candidates.find(
    (each) =>
      lack(each, need) === undefined &&
      readSetupRecord(each.found.folder) === undefined &&
      (version === undefined || compareVersions(each.found.dynamo ?? '', version) === 0),
  );
  return fitting && toEnvironment(fitting, []);
}

function fromVariable(environment: PythonSearch['environment']): Candidate[] {
  const value = environment.DYNAMO_PYTHON;
  const located = value === undefined || value === '' ? undefined : locatePython(value, environment);
  return located === undefined ? [] : [look('DYNAMO_PYTHON', located, environment.HOME)];
}

function namedByUser({ environment, asked }: PythonSearch): Candidate | undefined {
  const variable = environment.DYNAMO_PYTHON;
  const [origin, value] = asked === undefined ? ['DYNAMO_PYTHON', variable] : ['--python', asked];
  if (value === undefined || value === '') return undefined;
  const located = locatePython(value, environment);
  if (located === undefined) {
    throw new DynamoError('environment', `${origin} ${value}: no Python interpreter found.`, {
      hint: 'name the folder of an environment, or the path of its python3',
      fields: { asked: value },
    });
  }
  const candidate = look(origin, located, environment.HOME);
  const missing = lack(candidate, { backend: undefined });
  if (missing === undefined) return candidate;
  throw new DynamoError('environment', `${origin} ${value}: ${missing}.`, {
    hint: `dynamo setup   # creates one; then omit ${origin}`,
    fields: { file: candidate.found.folder },
  });
}

function active(environment: PythonSearch['environment']): Candidate[] {
  const places: readonly (readonly [string, string | undefined])[] = [
    ['the active environment, VIRTUAL_ENV', environment.VIRTUAL_ENV],
    ['the active conda environment, CONDA_PREFIX', environment.CONDA_PREFIX],
  ];
  return places.flatMap(([origin, folder]) => {
    const located = folder === undefined || folder === '' ? undefined : inFolder(folder);
    return located === undefined ? [] : [look(origin, located, environment.HOME)];
  });
}

function fromSetup({ environment, ...need }: PythonSearch): Candidate[] {
  const made = listSetups(dataFolders(environment).environments).flatMap(({ folder, record }) => {
    // Tools have environments of their own.
    if (findEngine(record.engine) === undefined) return [];
    const located = inFolder(folder);
    return located === undefined ? [] : [look('made by dynamo setup', located, undefined)];
  });
  const fitting = made.filter((each) => lack(each, need) === undefined).length;
  const origin = fitting > 1 ? `made by dynamo setup, the newest of ${fitting}` : 'made by dynamo setup';
  const newest = made.toSorted((a, b) => compareVersions(b.found.dynamo ?? '', a.found.dynamo ?? ''));
  // Suitable ones come first, so that a plan does not explain why the others were skipped.
  const [fit, unfit] = [true, false].map((fits) =>
    newest.filter((each) => (lack(each, need) === undefined) === fits),
  );
  return [...(fit ?? []), ...(unfit ?? [])].map((each) => ({ ...each, origin }));
}

function onPath(environment: PythonSearch['environment']): Candidate[] {
  const located = locateOnPath('python3', environment);
  return located === undefined ? [] : [look('python3 on PATH', located, environment.HOME)];
}

function look(origin: string, { folder, python }: Located, home: string | undefined): Candidate {
  const unfinished = readSetupRecord(folder)?.state === 'unfinished';
  return { origin, found: readEnvironment(folder, python, home), unfinished };
}

function lack({ found, unfinished }: Candidate, { backend, further }: Need): string | undefined {
  if (unfinished) return 'dynamo setup did not complete it';
  if (found.dynamo === undefined) return 'Dynamo (the package ai-dynamo) is not installed';
  if (backend !== undefined && found.backends[backend.distribution] === undefined)
    return `it has Dynamo but not ${backend.title}`;
  return further?.(found.dynamo, found.has);
}

function skipped(candidates: readonly Candidate[], need: Need): string[] {
  return candidates.flatMap((each) => {
    const missing = lack(each, need);
    return missing === undefined ? [] : [`not ${each.found.folder}: ${missing}`];
  });
}

function toEnvironment(
  { origin, found }: Candidate,
  notes: readonly string[],
): PythonEnvironment | undefined {
  if (found.dynamo === undefined) return undefined;
  return {
    folder: found.folder,
    python: found.python,
    dynamoVersion: found.dynamo,
    backends: found.backends,
    torchVersion: found.torch,
    because: [origin, ...notes].join('; '),
    ...(origin === '--python' || origin === 'DYNAMO_PYTHON' ? { namedByUser: true } : {}),
  };
}
