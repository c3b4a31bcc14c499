/** One profile file, read and parsed, before anything is merged over it. */
import { type Candidate, readBytes } from './candidates.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { ProfileLibrary } from './files.ts';
import { sameName, shownPath } from './names.ts';
import { parseProfile } from './parse.ts';
import { keyPositionAt, type MapTree, stringAt } from './tree.ts';

export interface ProfileFile extends Candidate {
  readonly tree: MapTree;
}

/** Pushes to `problems` and gives undefined when the file holds no YAML mapping; undefined alone when there is no file. */
export async function readProfileFile(
  candidate: Candidate,
  library: ProfileLibrary,
  problems: Diagnostic[],
): Promise<ProfileFile | undefined> {
  const bytes = await readBytes(candidate.file, library);
  if (bytes === undefined) return undefined;
  const tree = parseProfile(bytes, shownPath(candidate.file, library.cwd), problems);
  if (tree === undefined) return undefined;
  const named = stringAt(tree, ['name']);
  if (named === undefined) return { ...candidate, tree };
  if (candidate.origin === 'file') return { ...candidate, name: named, tree };
  if (!sameName(named, candidate.name)) {
    problems.push({
      at: keyPositionAt(tree, ['name']),
      message: `name: in a profile directory the file name is the name, got ${JSON.stringify(named)}`,
      fix: `remove the line, or rename the file to ${named}.yaml`,
    });
  }
  return { ...candidate, tree };
}
