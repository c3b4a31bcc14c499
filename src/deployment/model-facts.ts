/** Finds out what the name of a model means on this host: a folder, a model of a hub, or a path that leads nowhere. */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { errorCode } from '../base/error-code.ts';
import { nearest } from '../base/nearest.ts';
import { quotePath } from '../base/terminal-text.ts';
import { isPath, localModel } from '../plan/local-model.ts';
import type { ModelFact } from '../plan/request.ts';

/** As transformers does, a folder that is there goes before a model of that name on the hub. */
export function modelFact(model: string, environment: Environment): ModelFact {
  const place = { cwd: process.cwd(), environment };
  const path = resolve(place.cwd, localModel(model, place));
  const found = lookAt(path);
  if (isPath(model)) return found === 'nothing' ? missing(model, path) : { kind: 'here', path, bare: false };
  return found === 'folder' ? { kind: 'here', path, bare: true } : { kind: 'hub' };
}

/** `hidden`: who may not look must not say that nothing is there. */
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
      ? `ls ${quotePath(there)}   # the nearest folder that is there`
      : `did you mean --model ${quotePath(meantPath(path, join(there, meant)))}?`;
  const couldBeId = !/^[/.~]/.test(model);
  return {
    kind: 'missing',
    problem: `there is no folder ${path}${couldBeId ? ', and it is no id of a hub either (owner/name)' : ''}`,
    hint,
  };
}

/** With what followed, where that is there too. */
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
