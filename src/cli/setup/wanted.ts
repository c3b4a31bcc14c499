/** What `dynamo setup` was asked for: which version, from which Python, and whether the user has it already. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { upstreamEngines, type UpstreamName } from '../../engine/engines.ts';
import type { PythonEnvironment } from '../../plan/request.ts';
import { findUsersEnvironment } from '../../python/find-environment.ts';
import { plannerLack } from '../../engine/planner/need.ts';
import { type AdditionName, defaultVersion } from '../../python/recipe.ts';
import type { ToolName } from '../../python/tools.ts';
import { DynamoError } from '../../base/error.ts';
import { locatePython } from '../../python/read-environment.ts';
import type { MadeEnvironment } from './environment.ts';
import type { SetupHost } from './host.ts';
import { installError } from '../../python/install-failure.ts';
import { newestVersionCommand, newestVersionIn } from '../../python/installer-commands.ts';
import type { Installer } from './installer.ts';

/** What is to be installed. */
export interface Wanted {
  readonly engine: UpstreamName | undefined;
  readonly tool: ToolName | undefined;
  /** What the engine gets besides. */
  readonly addition: AdditionName | undefined;
  readonly infra: boolean;
  readonly version: string | undefined;
  readonly python: string | undefined;
  /** Whether an environment of the user may be used. */
  readonly adopt: boolean;
}

export type WantedEngine = Wanted & { readonly engine: UpstreamName };

/** Any version will do, unless one was asked for; `published`: its name in the registry. */
export function usersEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  { engine, adopt, python, version, addition }: WantedEngine,
  published: string,
): PythonEnvironment | undefined {
  if (!adopt) return undefined;
  const { backend } = upstreamEngines[engine].python;
  return findUsersEnvironment(
    { environment, asked: python, backend, ...(addition === undefined ? {} : { further: plannerLack }) },
    version === undefined ? undefined : published,
  );
}

const anyVersion = /^\d+(\.\d+)*$/;

/** Throws `environment` for a path without a Python; versions are found or downloaded by the installer. */
export function requirePython(
  asked: string | undefined,
  { environment }: Pick<SetupHost, 'environment'>,
): void {
  if (asked?.includes('/') !== true || locatePython(asked, environment) !== undefined) return;
  throw new DynamoError('environment', `--python ${asked}: no Python interpreter found there.`, {
    hint: 'give the folder of an environment, the path of its python3, or a version: --python 3.12',
    fields: { option: '--python', asked },
  });
}

/** Throws `usage` when the installed environment has another Python than the one that is asked for now. */
export async function requireSamePython(
  host: Pick<SetupHost, 'environment' | 'run'>,
  name: string,
  { record }: MadeEnvironment,
  asked: string | undefined,
): Promise<void> {
  const wanted = asked === undefined ? undefined : await versionOf(host, asked);
  const { pythonVersion } = record;
  if (wanted === undefined || pythonVersion === undefined || begins(pythonVersion, wanted)) return;
  throw new DynamoError(
    'usage',
    `${name} is already installed with Python ${pythonVersion}, not ${wanted}.`,
    {
      hint: `dynamo setup remove ${name}   # then run the same command again`,
      fields: { option: '--python', asked: wanted, version: pythonVersion },
    },
  );
}

/** `3.12` as it is, for an interpreter what it reports, `undefined` where only the installer knows. */
async function versionOf(
  { environment, run }: Pick<SetupHost, 'environment' | 'run'>,
  asked: string,
): Promise<string | undefined> {
  if (anyVersion.test(asked)) return asked;
  const located = locatePython(asked, environment);
  if (located === undefined) return undefined;
  const { output } = await run([located.python, '--version']);
  return /^Python (\d+\.\d+)/m.exec(output)?.[1];
}

function begins(version: string, wanted: string): boolean {
  return version === wanted || version.startsWith(`${wanted}.`);
}

/** `installer` is called only when the registry must be asked. */
export async function resolveVersion(
  host: SetupHost,
  { engine, version: asked, addition }: Pick<WantedEngine, 'engine' | 'version' | 'addition'>,
  installer: () => Promise<Installer>,
): Promise<string> {
  if (asked !== 'latest') return asked ?? defaultVersion(engine, addition);
  const { uv } = await installer();
  return await host.steps.step('newest version', async (view) => {
    const version = await askRegistry(host, uv);
    view.title(`newest version: ${version}`);
    return version;
  });
}

async function askRegistry(host: SetupHost, uv: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'dynamo-setup-'));
  try {
    const requirements = join(folder, 'requirements.in');
    const logFile = join(folder, 'log');
    writeFileSync(requirements, 'ai-dynamo\n');
    const { succeeded, output } = await host.run(newestVersionCommand(uv, requirements), logFile);
    const version = succeeded ? newestVersionIn(output) : undefined;
    if (version !== undefined) return version;
    const what = 'The newest version could not be read from the registry';
    throw installError({ what, output, logFile, again: 'dynamo setup --version latest' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
