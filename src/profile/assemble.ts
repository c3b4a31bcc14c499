/** A chain of files, settings and environment to one profile: merge, parameters, overlays, settings, checks. */
import { mergeChain } from './chain.ts';
import { check } from './check.ts';
import type { Diagnostic } from './diagnostic.ts';
import { applyOverlays } from './overlays.ts';
import { type Parameter, type Parameters, resolveParameters } from './parameters.ts';
import type { ProfileFile } from './profile-file.ts';
import type { Profile } from './profile.ts';
import type { ProfileDocument } from './schema.ts';
import { badSetting, type Setting } from './setting.ts';
import { applySettings } from './settings.ts';
import { type Substitution, substituteProfile } from './substitute.ts';
import type { MapTree } from './tree.ts';

export interface Values {
  readonly settings: readonly Setting[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Faults of the files go to `problems`; throws `usage` and `environment` for values that come from there. */
export function assemble(
  chain: readonly ProfileFile[],
  { settings, environment }: Values,
  problems: Diagnostic[],
): Profile | undefined {
  const [top] = chain;
  const merged = mergeChain(chain);
  if (top === undefined || merged === undefined) return undefined;
  const parameters = resolveParameters(merged, settings, environment, problems);
  const substitution: Substitution = { parameters, used: new Set(), problems };
  const filled = applyOverlays(substituteProfile(merged, substitution), substitution);
  const names = [...parameters.values.keys(), ...parameters.broken];
  const tree: MapTree = applySettings(filled, settings, names);
  const document = check(tree, problems);
  if (problems.length === 0) refuseIdle(settings, parameters, substitution.used, top.name);
  return document && toProfile(document, top, parameters);
}

/** A setting that changes nothing would be believed to have: `--model X` where the file fixes the model. */
function refuseIdle(
  settings: readonly Setting[],
  { values }: Parameters,
  used: ReadonlySet<string>,
  name: string,
): void {
  const idle = settings.find(({ path }) => values.has(path) && !used.has(path));
  if (idle === undefined) return;
  throw badSetting(
    idle,
    `has no effect: nothing in profile ${name} uses the parameter ${idle.path}.`,
    `write \${${idle.path}} where it should go, or change parameters.${idle.path}.default instead of the value`,
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
