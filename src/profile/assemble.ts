/** A profile file and all that it extends, with settings and environment, to one checked profile. */
import { dirname, resolve } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { check } from './check.ts';
import { type Diagnostic, invalidProfile, refusedProfile } from './diagnostic.ts';
import {
  type Candidate,
  candidateAt,
  candidatesOf,
  isYamlFile,
  type ProfileLibrary,
  readBytes,
  sameName,
  shownPath,
} from './files.ts';
import { locate, locateName } from './locate.ts';
import { type Parameter, type Parameters, resolveParameters } from './parameters.ts';
import { type ProfileFile, readProfileFile } from './parse.ts';
import type { KnownProfile, Profile } from './profile.ts';
import type { ProfileDocument } from './schema.ts';
import { applySettings } from './settings.ts';
import { badSetting, type Setting } from './shown.ts';
import { applyOverlays, substituteProfile, type Substitution } from './substitute.ts';
import { type MapTree, merge, positionAt, type ShapeFault, stringAt, withoutNulls } from './tree.ts';

export interface Values {
  readonly settings: readonly Setting[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Faults in files go to `problems`, also those that `faultsOf` finds; throws `usage` and `environment` for values from options and variables. */
export function assemble(
  chain: readonly ProfileFile[],
  { settings, environment }: Values,
  problems: Diagnostic[],
  faultsOf: (document: ProfileDocument) => readonly ShapeFault[] = () => [],
): Profile | undefined {
  const [top] = chain;
  const merged = mergeChain(chain);
  if (top === undefined || merged === undefined) return undefined;
  const parameters = resolveParameters(merged, settings, environment, problems);
  const substitution: Substitution = { parameters, used: new Set(), problems };
  const filled = applyOverlays(substituteProfile(merged, substitution), substitution);
  const names = [...parameters.values.keys(), ...parameters.broken];
  const tree: MapTree = applySettings(filled, settings, names);
  const document = check(tree, problems, faultsOf);
  if (problems.length === 0) refuseUnused(settings, parameters, substitution.used, top.name);
  return document && toProfile(document, top, parameters);
}

/** Rejects a setting without effect, such as `--model X` for a file with a fixed model: the user would believe that it worked. */
function refuseUnused(
  settings: readonly Setting[],
  { values }: Parameters,
  used: ReadonlySet<string>,
  name: string,
): void {
  const unused = settings.find(({ path }) => values.has(path) && !used.has(path));
  if (unused === undefined) return;
  throw badSetting(
    unused,
    `has no effect: profile ${name} does not use the parameter ${unused.path}.`,
    `use \${${unused.path}} where the value should go, or change parameters.${unused.path}.default`,
  );
}

function toProfile(document: ProfileDocument, top: ProfileFile, parameters: Parameters): Profile {
  const { name: _name, parameters: _parameters, overlays: _overlays, extends: _extends, ...rest } = document;
  const resolved = [...parameters.values].map(([name, parameter]) => [name, withoutChooser(parameter)]);
  return {
    ...rest,
    name: top.name,
    origin: top.origin,
    file: top.file,
    parameters: Object.fromEntries(resolved),
  };
}

function withoutChooser({ chooser: _chooser, ...parameter }: Parameter) {
  return parameter;
}

/** Throws `profile-invalid` with all faults, including those of `checkMore`; `usage` or `environment` for a value from an option or a variable. */
export async function resolveProfile(
  candidate: Candidate,
  request: ProfileLibrary & Values,
  checkMore: (chain: readonly ProfileFile[], problems: Diagnostic[]) => void = () => {},
): Promise<Profile> {
  const problems: Diagnostic[] = [];
  const chain = await loadChain(candidate, request, problems);
  // Merging an incomplete chain would report keys as missing that the broken base has.
  const profile = problems.length === 0 ? assemble(chain, request, problems) : undefined;
  if (problems.length === 0) checkMore(chain, problems);
  if (profile === undefined || problems.length > 0)
    throw invalidProfile(shownPath(candidate.file, request.cwd), problems);
  return profile;
}

/**
 * Faults that depend on a target, at the lines of their keys. The profile is read again, since a Profile has no positions.
 * `target`: as in "cannot run on Kubernetes".
 */
export async function placedRefusal(
  asked: string,
  target: string,
  faults: readonly ShapeFault[],
  request: ProfileLibrary & Values,
): Promise<DynamoError> {
  const { candidate } = await locate(asked, request);
  const problems: Diagnostic[] = [];
  const chain = await loadChain(candidate, request, problems);
  assemble(chain, request, problems, () => faults);
  return refusedProfile(shownPath(candidate.file, request.cwd), target, problems);
}

/** The identity of a profile: not inherited from a base. */
const notInherited = ['name', 'aliases', 'upstreamScripts'];

/** The files, starting with the requested one. Empty or incomplete, with the reasons in `problems`, after a fault. */
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

/** Merges all files of a chain, each over the one that it extends. */
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
    fix: meant === undefined ? 'dynamo profiles list' : `did you mean ${meant}?`,
  });
  return undefined;
}

/** Why a file cannot be read; `undefined` if it can. */
async function readFault(base: Candidate, library: ProfileLibrary): Promise<string | undefined> {
  try {
    return (await readBytes(base.file, library)) === undefined ? 'missing' : undefined;
  } catch (error) {
    if (error instanceof DynamoError) return error.message.replace(/\.$/, '');
    throw error;
  }
}

/** A profile that extends its own name means the one that it overrides, so only directories of lower precedence count. */
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

export interface Known {
  readonly content: Uint8Array;
  readonly known: KnownProfile;
}

/** All shipped profiles with their content, except those that extend another: which file that is depends on the host. */
export async function workOut(library: ProfileLibrary): Promise<readonly Known[]> {
  const known: Known[] = [];
  for (const candidate of await candidatesOf(library)) {
    const profile = await resolveProfile(candidate, { ...library, settings: [], environment: {} });
    const bytes = await readBytes(candidate.file, library);
    const chain = await loadChain(candidate, library, []);
    if (bytes !== undefined && chain.length === 1) known.push({ content: bytes, known: toKnown(profile) });
  }
  return known;
}

/** What `knownProfile` of load.ts returns later. */
function toKnown({ name: _name, origin: _origin, file: _file, ...profile }: Profile): KnownProfile {
  const variables = Object.values(profile.parameters).flatMap(({ env }) => env ?? []);
  return { variables, profile };
}
