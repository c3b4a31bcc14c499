/** Which version of Dynamo is meant: what was asked for, the newest of the registry, or the one that was tried most. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UpstreamName } from '../../engine/engines.ts';
import { installError } from '../../python/install-failure.ts';
import { newestVersionCommand, newestVersionIn } from '../../python/installer-commands.ts';
import { defaultVersion } from '../../python/recipe.ts';
import type { SetupHost } from './host.ts';
import type { Installer } from './installer.ts';

/** `uv` is asked for only when the registry must be. */
export async function resolveVersion(
  host: SetupHost,
  engine: UpstreamName,
  asked: string | undefined,
  installer: () => Promise<Installer>,
): Promise<string> {
  if (asked !== 'latest') return asked ?? defaultVersion(engine);
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
    const what = 'The registry could not be asked for the newest version';
    throw installError({ what, output, logFile, again: 'dynamo setup --version latest' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
