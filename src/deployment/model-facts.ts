/** Resolves the name of a model on this host: a folder, a model on a hub, or a path that does not exist. */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { errorCode } from '../base/error-code.ts';
import { nearest } from '../base/nearest.ts';
import { quotePath } from '../base/terminal-text.ts';
import { isPath, localModel } from '../plan/local-model.ts';
import type { ModelFact } from '../plan/request.ts';

/** As in transformers, an existing folder takes precedence over a model with that name on the hub. */
export function modelFact(model: string, environment: Environment): ModelFact {
  const place = { cwd: process.cwd(), environment };
  const path = resolve(place.cwd, localModel(model, place));
  const found = lookAt(path);
  if (isPath(model)) return found === 'nothing' ? missing(model, path) : { kind: 'here', path, bare: false };
  return found === 'folder' ? { kind: 'here', path, bare: true } : { kind: 'hub' };
}

/** `hidden`: without permission, it is unknown whether it exists. */
function lookAt(path: string): 'folder' | 'file' | 'nothing' | 'hidden' {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    return errorCode(error) === 'EACCES' ? 'hidden' : 'nothing';
  }
}

function missing(model: string, path: string): ModelFact {
  const there = nearestFolder(path);
  const meant = nearest(path.slice(there.length).split('/').filter(Boolean)[0] ?? '', foldersIn(there));
  const hint =
    meant === undefined
      ? `ls ${quotePath(there)}   # the nearest existing folder`
      : `did you mean --model ${quotePath(meantPath(path, join(there, meant)))}?`;
  const couldBeId = !/^[/.~]/.test(model);
  return {
    kind: 'missing',
    problem: `there is no folder ${path}${couldBeId ? ', and it is not a hub id (owner/name) either' : ''}`,
    hint,
  };
}

/** Including the rest of the path, if that exists too. */
function meantPath(path: string, corrected: string): string {
  const rest = path.split('/').slice(corrected.split('/').length);
  const whole = join(corrected, ...rest);
  return lookAt(whole) === 'nothing' ? corrected : whole;
}

function nearestFolder(path: string): string {
  let folder = dirname(path);
  while (lookAt(folder) !== 'folder' && folder !== '/') folder = dirname(folder);
  return folder;
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [] : [entry.name],
    );
  } catch {
    return [];
  }
}
