/** How servers of others are reached: the credentials that a run used, and why one does not answer. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { errorCode, messageOf, tlsReason } from '../base/error-code.ts';
import type { AccessPlaces, Place } from '../plan/infra.ts';
import type { Environment } from '../base/environment.ts';

export interface Reach {
  /** Upstream's variables that were found. */
  readonly environment: Environment;
  /** What was not found, in words. */
  readonly missing: readonly string[];
  /** The variables that the caller must set: those that are unset, or all if none is missing. */
  readonly variables: readonly string[];
}

export function reachOf(places: AccessPlaces, caller: Environment): Reach {
  const environment: Record<string, string> = {};
  const missing: string[] = [];
  for (const [name, place] of Object.entries(places)) {
    const found = lookUp(place, caller);
    if ('value' in found) environment[name] = found.value;
    else missing.push(found.lacks);
  }
  const all = Object.values(places).flatMap((place) => ('env' in place ? [place.env] : []));
  const unset = all.filter((name) => !caller[name]);
  return { environment, missing, variables: missing.length > 0 ? unset : all };
}

function lookUp(place: Place, caller: Environment): { readonly value: string } | { readonly lacks: string } {
  if ('value' in place) return place;
  if ('env' in place) {
    const value = caller[place.env];
    return value ? { value } : { lacks: `${place.env} is not set` };
  }
  const path = place.file.startsWith('~/') ? join(homedir(), place.file.slice(2)) : place.file;
  try {
    return { value: readFileSync(path, 'utf8').replace(/\r?\n$/, '') };
  } catch (error) {
    return { lacks: `${path} cannot be read: ${messageOf(error)}` };
  }
}

const silences = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
];

/** No server answered within `timeoutMs`. */
export function noAnswer(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' });
}

/** Whether no server answered. An untrusted certificate, or a server of another kind, is an answer. */
export function isSilence(error: unknown): boolean {
  return silences.includes(errorCode(error) ?? '');
}

/** The reason, for people. */
export function reasonOf(error: unknown): string {
  const code = errorCode(error) ?? '';
  if (code === 'ECONNREFUSED') return 'connection refused';
  return tlsReason(error) ?? (messageOf(error) || code || 'no answer');
}
