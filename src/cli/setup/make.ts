/** Decides what to install, installs it, and says what `up` will use. */
import type { Environment } from '../../base/environment.ts';
import { join } from 'node:path';
import { plannerLack } from '../../engine/planner/need.ts';
import { setupEngines, upstreamEngines, type UpstreamName } from '../../engine/engines.ts';
import { inventory } from '../../gpu/inventory.ts';
import { findPythonEnvironment } from '../../python/find-environment.ts';
import { infraDiskBytes } from '../../python/installer-commands.ts';
import { type AdditionName, type Recipe, recipeFor, toolRecipe } from '../../python/recipe.ts';
import type { ToolName } from '../../python/tools.ts';
import { styleFor } from '../../view/style.ts';
import { DynamoError } from '../../base/error.ts';
import { requireLinux } from '../../package/platform.ts';
import { showDryRun } from './dry-run.ts';
import {
  requirePython,
  requireSamePython,
  usersEnvironment,
  type Wanted,
  type WantedEngine,
  resolveVersion,
} from './wanted.ts';
import { checkDisk, type MadeEnvironment, makeEnvironment, wholeEnvironment } from './environment.ts';
import { createSetupHost, type SetupHost, withSetupHost } from './host.ts';
import { makeInfra, wholeInfra } from './infra.ts';
import { fetchInstaller, findInstaller, type Installer } from './installer.ts';
import { type Outcome, outcomeJson, outcomeText } from '../../view/setup-text.ts';
import { chooseSteps, silentSteps } from '../../view/steps.ts';

export interface SetupFlags {
  readonly engine?: UpstreamName;
  readonly tool?: ToolName;
  readonly with?: AdditionName;
  readonly version?: string;
  readonly python?: string;
  readonly infra?: true;
  /** False with --no-adopt. */
  readonly adopt: boolean;
  readonly dryRun?: true;
  readonly json?: true;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

export async function setUp(flags: SetupFlags, environment: Environment): Promise<number> {
  requireLinux('setup');
  const wanted = await decideWanted(flags, environment);
  if (flags.dryRun === true) {
    const { signal: never } = new AbortController();
    const host = createSetupHost(silentSteps, { environment, stop: never, kill: never }, () => {});
    return await showDryRun(host, wanted);
  }
  const steps = await chooseSteps(environment);
  return await withSetupHost(
    steps,
    say,
    async (host) => {
      const outcomes = await makeAll(host, wanted);
      const text =
        flags.json === true
          ? JSON.stringify({ version: 1, setups: outcomes.map(outcomeJson) }, undefined, 2)
          : outcomes.map((each) => outcomeText(each, styleFor(process.stdout, environment))).join('\n');
      process.stdout.write(`${text}\n`);
      if (wanted.engine !== undefined) sayWhatUpUses(host, { ...wanted, engine: wanted.engine }, outcomes);
      return 0;
    },
    environment,
  );
}

/** --infra and --tool alone install only that. Throws `usage` for a version without an engine that it could be of. */
async function decideWanted(flags: SetupFlags, environment: Environment): Promise<Wanted> {
  const { tool, version, python, adopt, with: addition } = flags;
  const rest = { tool, addition, infra: flags.infra === true, version, python, adopt };
  if (flags.engine !== undefined) return { engine: flags.engine, ...rest };
  if (tool !== undefined && version !== undefined) {
    throw new DynamoError('usage', `--version is that of Dynamo; ${tool} is installed in one version only.`, {
      hint: toolRecipe(tool).installedBy,
      fields: { option: '--version', asked: version },
    });
  }
  if ((rest.infra || tool !== undefined) && version === undefined && addition === undefined)
    return { engine: undefined, ...rest };
  const { gpus, problem } = await inventory(environment);
  const [first] = gpus;
  const engine = first === undefined ? setupEngines.withoutGpus : setupEngines.withGpus;
  const reason =
    first === undefined ? (problem ?? 'this host has no NVIDIA GPU') : `${gpus.length} × ${first.name}`;
  say(`engine  ${engine}  ${reason} (--engine selects another engine)`);
  return { engine, ...rest };
}

async function makeAll(host: SetupHost, wanted: Wanted): Promise<Outcome[]> {
  requirePython(wanted.python, host);
  const installer = once(async () => await installerFor(host, wanted.python));
  const outcomes: Outcome[] = [];
  if (wanted.engine !== undefined)
    outcomes.push(await forEngine(host, { ...wanted, engine: wanted.engine }, installer));
  if (wanted.tool !== undefined)
    outcomes.push(await oneEnvironment(host, toolRecipe(wanted.tool), wanted, installer));
  if (wanted.infra) outcomes.push(await infra(host, wanted, installer));
  return outcomes;
}

async function forEngine(
  host: SetupHost,
  wanted: WantedEngine,
  installer: () => Promise<Installer>,
): Promise<Outcome> {
  const { engine } = wanted;
  const recipe = recipeFor(engine, await resolveVersion(host, wanted, installer), wanted.addition);
  const yours = usersEnvironment(host.environment, wanted, recipe.version);
  if (yours !== undefined) return { kind: 'yours', name: engine, python: yours };
  return await oneEnvironment(host, recipe, wanted, installer);
}

async function oneEnvironment(
  host: SetupHost,
  recipe: Recipe,
  wanted: Wanted,
  installer: () => Promise<Installer>,
): Promise<Outcome> {
  const there = wholeEnvironment(join(host.folders.environments, recipe.name), recipe);
  if (there !== undefined) {
    await requireSamePython(host, recipe.name, there, wanted.python);
    return { kind: 'there', name: recipe.name, ...there };
  }
  await host.steps.step('disk', async (view) =>
    view.title(`disk: ${await checkDisk(host, recipe.diskBytes)}`),
  );
  for (const { line, because } of [...recipe.preReleases, ...recipe.overrides, ...recipe.additions])
    say(`${line}  ${because}`);
  for (const note of recipe.notes) say(note);
  const made = await makeEnvironment(host, await installer(), recipe, wanted.python);
  return { kind: 'made', name: recipe.name, ...made };
}

async function infra(host: SetupHost, wanted: Wanted, installer: () => Promise<Installer>): Promise<Outcome> {
  const there = wholeInfra(host.folders.infra);
  if (there !== undefined) return { kind: 'there', name: 'infra', ...there };
  await checkDisk(host, infraDiskBytes);
  const made: MadeEnvironment = await makeInfra(host, await installer(), wanted.python);
  return { kind: 'made', name: 'infra', ...made };
}

async function installerFor(host: SetupHost, python: string | undefined): Promise<Installer> {
  return await host.steps.step('installer', async (view) => {
    const installer = await findInstaller(host);
    view.title(`installer: uv ${installer.version}, ${installer.because}`);
    await fetchInstaller(host, installer, python);
    return installer;
  });
}

/** `up` prefers an active environment: say so where the new one is not used. */
function sayWhatUpUses(
  host: SetupHost,
  { engine, addition }: WantedEngine,
  outcomes: readonly Outcome[],
): void {
  const [outcome] = outcomes;
  const folder = outcome?.kind === 'yours' ? outcome.python.folder : outcome?.folder;
  const { backend } = upstreamEngines[engine].python;
  const taken = findPythonEnvironment({
    environment: host.environment,
    backend,
    ...(addition === undefined ? {} : { further: plannerLack }),
  });
  if (folder === undefined || taken === undefined) return;
  const option = taken.folder === folder ? '' : ` --python ${folder}`;
  if (option !== '')
    say(`\`dynamo up\` uses ${taken.folder} (${taken.because}); to use the new one, add${option}`);
  say(`Next: dynamo up agg --engine ${engine}${option}${addition === undefined ? '' : ` --${addition}`}`);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return async () => await (made ??= make());
}
