/** Finds etcd and nats-server on this host, with their versions. */
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { foldersOf, isExecutable, runProgram } from '../host/program.ts';
import type { InfraBinary, InfraName } from '../plan/infra.ts';

const executables: Readonly<Record<InfraName, string>> = { etcd: 'etcd', nats: 'nats-server' };
/** Debian installs nats-server in a folder that is not on the PATH of normal users. */
const furtherFolders = ['/usr/local/sbin', '/usr/sbin'];
const versionMs = 5_000;

/** The first one on PATH, or that of `setupFolder` where it is newer. One that does not report its version does not count. */
export async function findBinary(
  name: InfraName,
  environment: Environment,
  setupFolder: string,
): Promise<InfraBinary | undefined> {
  const [onPath, installed] = await Promise.all([
    firstIn([...foldersOf(environment.PATH), ...furtherFolders], name, environment),
    firstIn([setupFolder], name, environment),
  ]);
  if (onPath === undefined || installed === undefined) return onPath ?? installed;
  return isNewer(installed.version, onPath.version) ? installed : onPath;
}

async function firstIn(
  folders: readonly string[],
  name: InfraName,
  environment: Environment,
): Promise<InfraBinary | undefined> {
  for (const folder of folders) {
    const file = join(folder, executables[name]);
    const version = isExecutable(file) ? await versionOf(file, environment) : undefined;
    if (version !== undefined) return { path: file, version };
  }
  return undefined;
}

function isNewer(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) > 0;
}

/** From `etcd Version: 3.4.23` and `nats-server: v2.9.10`. */
async function versionOf(file: string, environment: Environment): Promise<string | undefined> {
  try {
    const output = await runProgram({
      program: file,
      words: ['--version'],
      environment,
      timeoutMs: versionMs,
    });
    return output?.code === 0 ? /v?(\d+\.\d+\.\d+\S*)/.exec(output.stdout)?.[1] : undefined;
  } catch {
    return undefined;
  }
}
