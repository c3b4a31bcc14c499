/** `dynamo setup --dry-run`: shows what would be done, with the reason for every deviation from upstream. Changes nothing. */
import { join } from 'node:path';
import { installerCache, leastSpace } from '../../python/setup-folders.ts';
import {
  type Argv,
  infraDiskBytes,
  infraInstallCommand,
  infraPrograms,
  installCommand,
  makeEnvironmentCommand,
  privateUvCommands,
} from '../../python/installer-commands.ts';
import { type Recipe, recipeFor, toolRecipe } from '../../python/recipe.ts';
import { quote } from '../../base/terminal-text.ts';
import { homePath, styleFor } from '../../view/style.ts';
import { type Fact, factLines } from '../../view/setup-text.ts';
import { diskText } from '../../base/units.ts';
import {
  requirePython,
  requireSamePython,
  resolveVersion,
  usersEnvironment,
  type Wanted,
  type WantedEngine,
} from './wanted.ts';
import { wholeEnvironment } from './environment.ts';
import type { SetupHost } from './host.ts';
import { wholeInfra } from './infra.ts';
import { findInstaller, type Installer } from './installer.ts';

export async function showDryRun(host: SetupHost, wanted: Wanted): Promise<number> {
  requirePython(wanted.python, host);
  const installer = await findInstaller(host);
  const facts: Fact[] = [];
  if (wanted.engine !== undefined)
    facts.push(...(await engineFacts(host, { ...wanted, engine: wanted.engine }, installer)));
  if (wanted.tool !== undefined)
    facts.push(...(await environmentFacts(host, toolRecipe(wanted.tool), wanted, installer)));
  if (wanted.infra) facts.push(...(await infraFacts(host, wanted, installer)));
  const lines = factLines(facts, styleFor(process.stdout, host.environment));
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

async function engineFacts(host: SetupHost, wanted: WantedEngine, installer: Installer): Promise<Fact[]> {
  const { version, unknown } = await versionFor(host, wanted, installer);
  const recipe = recipeFor(wanted.engine, version, wanted.addition);
  const yours = usersEnvironment(host.environment, wanted, recipe.version);
  if (yours !== undefined) return [{ what: 'nothing to do', value: yours.folder, because: yours.because }];
  return await environmentFacts(host, { ...recipe, notes: [...unknown, ...recipe.notes] }, wanted, installer);
}

async function environmentFacts(
  host: SetupHost,
  recipe: Recipe,
  wanted: Wanted,
  installer: Installer,
): Promise<Fact[]> {
  const folder = join(host.folders.environments, recipe.name);
  const there = wholeEnvironment(folder, recipe);
  if (there !== undefined) {
    await requireSamePython(host, recipe.name, there, wanted.python);
    return [{ what: 'nothing to do', value: recipe.name, because: 'already installed' }];
  }
  return [
    { what: 'environment', value: recipe.name, because: homePath(folder) },
    ...recipe.notes.map((value) => ({ what: 'note', value })),
    ...installerFacts(installer),
    pythonFact(wanted, recipe),
    {
      what: 'packages',
      value: recipe.requirement,
      because: `as upstream; ${recipe.imports.join(', ')} must be importable afterwards`,
    },
    ...recipe.preReleases.map(({ line, because }) => ({ what: 'pre-release', value: line, because })),
    ...recipe.overrides.map(({ line, because }) => ({ what: 'override', value: line, because })),
    ...recipe.additions.map(({ line, because }) => ({ what: '--with', value: line, because })),
    await diskFact(host, recipe.diskBytes),
    ...commandFacts(environmentCommands(installer, folder, recipe, wanted)),
  ];
}

/** The registry is asked through the installer, and downloading one would be a change. */
async function versionFor(
  host: SetupHost,
  { engine, version, addition }: WantedEngine,
  installer: Installer,
): Promise<{ version: string; unknown: string[] }> {
  const cannotAsk = version === 'latest' && !installer.present;
  const asked = cannotAsk ? undefined : version;
  return {
    version: await resolveVersion(host, { engine, version: asked, addition }, async () => installer),
    unknown: cannotAsk
      ? ['the newest version is looked up during installation; the default is shown here']
      : [],
  };
}

async function infraFacts(host: SetupHost, wanted: Wanted, installer: Installer): Promise<Fact[]> {
  const { infra } = host.folders;
  if (wholeInfra(infra) !== undefined)
    return [{ what: 'nothing to do', value: 'infra', because: 'already installed' }];
  const staging = join(infra, 'staging');
  const programs = infraPrograms.map(({ name, requirement }) => ({
    what: 'programs',
    value: homePath(join(infra, 'bin', name)),
    because: requirement,
  }));
  return [
    ...programs,
    ...(wanted.engine === undefined && wanted.tool === undefined ? installerFacts(installer) : []),
    await diskFact(host, infraDiskBytes),
    ...commandFacts([
      makeEnvironmentCommand(installer.uv, staging, wanted.python ?? '>=3.8'),
      infraInstallCommand(installer.uv, staging),
    ]),
  ];
}

function installerFacts({ uv, version, because, present }: Installer): Fact[] {
  const fact = { what: 'installer', value: `uv ${version}`, because: `${because}: ${homePath(uv)}` };
  const folder = uv.slice(0, -'/bin/uv'.length);
  return present ? [fact] : [fact, ...commandFacts(privateUvCommands('python3', folder))];
}

function pythonFact({ python }: Wanted, { pythonRange }: Recipe): Fact {
  if (python !== undefined) return { what: 'python', value: python, because: '--python' };
  return { what: 'python', value: pythonRange, because: 'the first one that uv finds or downloads' };
}

async function diskFact(host: SetupHost, neededBytes: number): Promise<Fact> {
  const folders = [host.folders.data, installerCache(host.environment)];
  const { folder, freeBytes } = await leastSpace(folders, host.statFs);
  const enough = freeBytes >= neededBytes ? '' : 'NOT ENOUGH: ';
  return {
    what: 'disk',
    value: diskText(neededBytes),
    because: `${enough}${diskText(freeBytes)} free at ${folder}`,
  };
}

function environmentCommands(
  installer: Installer,
  folder: string,
  recipe: Recipe,
  { python }: Wanted,
): Argv[] {
  return [
    makeEnvironmentCommand(installer.uv, folder, python ?? recipe.pythonRange),
    installCommand(installer.uv, folder, recipe, join(folder, 'overrides.txt')),
  ];
}

function commandFacts(commands: readonly Argv[]): Fact[] {
  return commands.map((argv) => ({ what: 'command', value: argv.map(quote).join(' ') }));
}
