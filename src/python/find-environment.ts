/** Finds the Python environment that shall serve: one that the user has, before those that `dynamo setup` made. */
import { DynamoError } from '../base/error.ts';
import { compareVersions } from '../base/package-version.ts';
import type { Backend } from '../engine/engine.ts';
import type { PythonEnvironment } from '../plan/request.ts';
import { dataFolders, listSetups, readSetupRecord } from './setup-folders.ts';
import {
  inFolder,
  type Installed,
  type Located,
  locateOnPath,
  locatePython,
  readEnvironment,
} from './read-environment.ts';

export interface PythonSearch {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What the user named with --python: a folder, an interpreter, or a command on PATH. */
  readonly asked?: string | undefined;
  /** What it must hold beside Dynamo; `undefined` where Dynamo will do. */
  readonly backend: Backend | undefined;
}

interface Candidate {
  /** Why it comes into question, as a plan says it. */
  readonly origin: string;
  readonly found: Installed;
  readonly unfinished: boolean;
}

/**
 * The first that has what is needed, of: --python, DYNAMO_PYTHON, the active venv, the active conda environment, those
 * of `dynamo setup` (newest first), the one of python3 on PATH. When none has the backend, the first with Dynamo alone,
 * so that a message can say what it lacks. What the user names counts, or fails with `environment` when it holds no Dynamo.
 */
export function findPythonEnvironment(search: PythonSearch): PythonEnvironment | undefined {
  const named = namedByUser(search);
  if (named !== undefined) return toEnvironment(named, []);
  const candidates = [...active(search.environment), ...fromSetup(search), ...onPath(search.environment)];
  const fitting = candidates.find((each) => lack(each, search.backend) === undefined);
  const best = fitting ?? candidates.find((each) => lack(each, undefined) === undefined);
  if (best === undefined) return undefined;
  return toEnvironment(best, passedOver(candidates.slice(0, candidates.indexOf(best)), search.backend));
}

/** What the user has that is no work of `dynamo setup`, at `version` where one is asked for: nothing need be made. */
export function findUsersEnvironment(
  { environment, asked, backend }: PythonSearch,
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
      lack(each, backend) === undefined &&
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
    throw new DynamoError('environment', `${origin} ${value}: there is no Python interpreter.`, {
      hint: 'give the folder of an environment, or the path of its python3',
    });
  }
  const candidate = look(origin, located, environment.HOME);
  const missing = lack(candidate, undefined);
  if (missing === undefined) return candidate;
  throw new DynamoError('environment', `${origin} ${value}: ${missing}.`, {
    hint: `dynamo setup   # makes one; then leave ${origin} out`,
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

function fromSetup({ environment, backend }: PythonSearch): Candidate[] {
  const made = listSetups(dataFolders(environment).environments).flatMap(({ folder }) => {
    const located = inFolder(folder);
    return located === undefined ? [] : [look('made by dynamo setup', located, undefined)];
  });
  const fitting = made.filter((each) => lack(each, backend) === undefined).length;
  const origin = fitting > 1 ? `made by dynamo setup, the newest of ${fitting}` : 'made by dynamo setup';
  const newest = made.toSorted((a, b) => compareVersions(b.found.dynamo ?? '', a.found.dynamo ?? ''));
  // Those that fit come first, so that a plan does not explain why the others were passed over.
  const [fit, unfit] = [true, false].map((fits) =>
    newest.filter((each) => (lack(each, backend) === undefined) === fits),
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

function lack({ found, unfinished }: Candidate, backend: PythonSearch['backend']): string | undefined {
  if (unfinished) return 'dynamo setup has not finished it';
  if (found.dynamo === undefined) return 'it holds no Dynamo (the package ai-dynamo)';
  if (backend === undefined || found.backends[backend.distribution] !== undefined) return undefined;
  return `it holds Dynamo without ${backend.title}`;
}

function passedOver(candidates: readonly Candidate[], backend: PythonSearch['backend']): string[] {
  return candidates.flatMap((each) => {
    const missing = lack(each, backend);
    return missing === undefined ? [] : [`not ${each.found.folder}: ${missing}`];
  });
}

function toEnvironment(
  { origin, found }: Candidate,
  remarks: readonly string[],
): PythonEnvironment | undefined {
  if (found.dynamo === undefined) return undefined;
  return {
    folder: found.folder,
    python: found.python,
    dynamoVersion: found.dynamo,
    backends: found.backends,
    torchVersion: found.torch,
    because: [origin, ...remarks].join('; '),
  };
}
