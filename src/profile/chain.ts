/** A profile file and all that it extends, from the file itself down to the last base. */
import { dirname, resolve } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { type Candidate, candidateAt, candidatesOf, readBytes } from './candidates.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { ProfileLibrary } from './files.ts';
import { locateName } from './locate.ts';
import { merge, withoutNulls } from './merge.ts';
import { isYamlFile, sameName } from './names.ts';
import { type ProfileFile, readProfileFile } from './profile-file.ts';
import { positionAt, stringAt, type MapTree } from './tree.ts';

/** What a profile is, not what it describes: a base does not hand these on. */
const notInherited = ['name', 'aliases', 'upstreamScripts'];

/** The files, the asked one first. Empty, or cut short, with the reasons in `problems`. */
export async function loadChain(
  first: Candidate,
  library: ProfileLibrary,
  problems: Diagnostic[],
): Promise<ProfileFile[]> {
  const chain: ProfileFile[] = [];
  let next: Candidate | undefined = first;
  while (next !== undefined) {
    const file: ProfileFile | undefined = await readProfileFile(next, library, problems);
    if (file === undefined) break;
    chain.push(file);
    next = await baseOf(file, chain, library, problems);
  }
  return chain;
}

/** All files of a chain merged, each over the one that it extends. */
export function mergeChain(chain: readonly ProfileFile[]): MapTree | undefined {
  const [top, ...bases] = chain;
  if (top === undefined) return undefined;
  const merged = bases.reduceRight<MapTree | undefined>((below, { tree }) => {
    const entries = new Map([...tree.entries].filter(([key]) => !notInherited.includes(key)));
    const heritage: MapTree = { ...tree, entries };
    return below === undefined ? withoutNulls(heritage) : merge(below, heritage);
  }, undefined);
  return merged === undefined ? withoutNulls(top.tree) : merge(merged, top.tree);
}

async function baseOf(
  file: ProfileFile,
  chain: readonly ProfileFile[],
  library: ProfileLibrary,
  problems: Diagnostic[],
): Promise<Candidate | undefined> {
  const wanted = stringAt(file.tree, ['extends']);
  if (wanted === undefined) return undefined;
  const at = positionAt(file.tree, ['extends']);
  const candidates = await candidatesBelow(file, wanted, library);
  const base = isYamlFile(wanted)
    ? candidateAt(resolve(dirname(file.file), wanted), library)
    : (await locateName(wanted, candidates, library))?.candidate;
  const from = chain.findIndex((each) => each.file === base?.file);
  if (from >= 0) {
    const names = [...chain.slice(from), chain[from]].map((each) => each?.name);
    problems.push({
      at,
      message: `extends: these profiles extend each other: ${names.join(' → ')}`,
      fix: 'remove one extends',
    });
    return undefined;
  }
  const fault = base === undefined ? 'missing' : await readFault(base, library);
  if (base !== undefined && fault === undefined) return base;
  if (fault !== undefined && fault !== 'missing') {
    problems.push({ at, message: `extends: ${fault}`, fix: 'name a YAML file' });
    return undefined;
  }
  const meant = nearest(
    wanted,
    candidates.map(({ name }) => name),
  );
  problems.push({
    at,
    message: `extends: there is no profile ${JSON.stringify(wanted)}`,
    fix: meant === undefined ? 'dynamo profiles list   # shows all' : `did you mean ${meant}?`,
  });
  return undefined;
}

/** Why a file cannot be read, in words; `undefined` when it can. */
async function readFault(base: Candidate, library: ProfileLibrary): Promise<string | undefined> {
  try {
    return (await readBytes(base.file, library)) === undefined ? 'missing' : undefined;
  } catch (error) {
    if (error instanceof DynamoError) return error.message.replace(/\.$/, '');
    throw error;
  }
}

/** A profile that extends its own name means the one that it overrides: only directories that it wins over count. */
async function candidatesBelow(
  file: ProfileFile,
  wanted: string,
  library: ProfileLibrary,
): Promise<Candidate[]> {
  const all = await candidatesOf(library);
  if (file.origin === 'file' || !sameName(file.name, wanted)) return all;
  const own = all.findIndex((each) => each.file === file.file);
  return all.slice(own + 1).filter(({ origin }) => origin !== file.origin);
}
