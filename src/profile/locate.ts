/** Finds the profile file for what the user typed: a name, an alias, an upstream script, or a path. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import {
  type Candidate,
  candidateAt,
  candidatesOf,
  isYamlFile,
  looksLikeScript,
  nameOfFile,
  nameOfScript,
  plainName,
  type ProfileLibrary,
  readBytes,
  sameName,
  shownPath,
} from './files.ts';
import { stringsAt } from './tree.ts';

export type ResolvedBy = 'name' | 'alias' | 'script' | 'path';

export interface Located {
  readonly candidate: Candidate;
  readonly resolvedBy: ResolvedBy;
}

/** Throws `profile-not-found`. */
export async function locate(asked: string, library: ProfileLibrary): Promise<Located> {
  if (isYamlFile(asked)) {
    const candidate = candidateAt(asked, library);
    if ((await readBytes(candidate.file, library)) !== undefined) return { candidate, resolvedBy: 'path' };
    if (looksLikeScript(asked)) throw noFile(candidate, await candidatesOf(library), library);
  }
  const candidates = await candidatesOf(library);
  const name = isYamlFile(asked) ? nameOfFile(asked) : nameOfScript(asked);
  const found = await locateName(name, candidates, library);
  if (found === undefined) throw await notFound(asked, name, candidates, library);
  return looksLikeScript(asked) ? { ...found, resolvedBy: 'script' } : found;
}

/** Finds a name among candidates. Names win over aliases, and aliases over scripts; within each, the first candidate wins. */
export async function locateName(
  name: string,
  candidates: readonly Candidate[],
  library: ProfileLibrary,
): Promise<Located | undefined> {
  const named = candidates.find((candidate) => sameName(candidate.name, name));
  if (named !== undefined) return { candidate: named, resolvedBy: 'name' };
  const other = await otherNames(candidates, library);
  const hit =
    other.find(({ word, by }) => by === 'alias' && sameName(word, name)) ??
    other.find(({ word }) => sameName(word, name));
  if (hit === undefined) return undefined;
  // A file that overrides the profile with the alias need not repeat the alias.
  const candidate = candidates.find((each) => sameName(each.name, hit.candidate.name)) ?? hit.candidate;
  return { candidate, resolvedBy: hit.by };
}

interface OtherName {
  readonly word: string;
  readonly by: 'alias' | 'script';
  readonly candidate: Candidate;
}

/** Aliases and script names of all candidates; none for a file that cannot be parsed. */
async function otherNames(candidates: readonly Candidate[], library: ProfileLibrary): Promise<OtherName[]> {
  // Most users type the name of a file, which needs no parser.
  const { readProfileFile } = await import('./parse.ts');
  const perFile = await Promise.all(
    candidates.map(async (candidate): Promise<OtherName[]> => {
      const file = await readProfileFile(candidate, library, []).catch(unread);
      if (file === undefined) return [];
      const aliases = stringsAt(file.tree, ['aliases']);
      const scripts = stringsAt(file.tree, ['upstreamScripts']).map(nameOfScript);
      return [
        ...aliases.map((word) => ({ word, by: 'alias' as const, candidate })),
        ...scripts.map((word) => ({ word, by: 'script' as const, candidate })),
      ];
    }),
  );
  return perFile.flat();
}

/** An unreadable file does not hide the others; `profiles list` reports it. */
function unread(error: unknown): undefined {
  if (!(error instanceof DynamoError)) throw error;
}

function noFile(
  candidate: Candidate,
  candidates: readonly Candidate[],
  library: ProfileLibrary,
): DynamoError {
  const meant = nearest(
    candidate.file,
    candidates.map(({ file }) => file),
  );
  return new DynamoError('profile-not-found', `There is no file ${shownPath(candidate.file, library.cwd)}.`, {
    hint: meant === undefined ? 'dynamo profiles list' : `did you mean ${shownPath(meant, library.cwd)}?`,
    fields: { asked: candidate.file, nearest: meant },
  });
}

async function notFound(
  asked: string,
  name: string,
  candidates: readonly Candidate[],
  library: ProfileLibrary,
): Promise<DynamoError> {
  const names = [...new Set(candidates.map((candidate) => candidate.name))].toSorted();
  const words = (await otherNames(candidates, library)).map(({ word }) => word);
  const meant = nearest(plainName(name), [...names, ...words].map(plainName));
  const { project, user, shipped } = library.directories;
  const folders = [...new Set([project, user, shipped])].map((folder) => shownPath(folder, library.cwd));
  return new DynamoError('profile-not-found', `There is no profile ${JSON.stringify(asked)}.`, {
    details: [`Profiles: ${names.join(', ') || 'none'}`, `Looked in: ${folders.join(', ')}`],
    hint: meant === undefined ? 'dynamo profiles list' : `did you mean ${meant}?`,
    fields: { asked, choices: names, nearest: meant },
  });
}
