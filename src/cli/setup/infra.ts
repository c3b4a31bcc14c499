/** `dynamo setup --infra`: installs etcd and NATS, two programs in one folder. */
import { chmodSync, existsSync, readdirSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DynamoError } from '../../base/error.ts';
import {
  folderSize,
  readSetupRecord,
  type SetupRecord,
  writeSetupRecord,
} from '../../python/setup-folders.ts';
import {
  type Argv,
  infraInstallCommand,
  type InfraProgram,
  infraPrograms,
  makeEnvironmentCommand,
} from '../../python/installer-commands.ts';
import { installError } from '../../python/install-failure.ts';
import type { MadeEnvironment } from './environment.ts';
import { makeFolder, newLog, type SetupHost } from './host.ts';
import type { Installer } from './installer.ts';

const requirements = infraPrograms.map(({ requirement }) => requirement);

/** Both programs, when they are installed in the versions that dynamo requires. */
export function wholeInfra(folder: string): MadeEnvironment | undefined {
  const record = readSetupRecord(folder);
  const present = infraPrograms.every(({ name }) => existsSync(join(folder, 'bin', name)));
  const same = record?.requirements.join() === requirements.join();
  return present && same && record.state === 'complete' ? { folder, record } : undefined;
}

/** Throws what `installError` returns, and `environment` for a program that does not run here. */
export async function makeInfra(
  host: SetupHost,
  installer: Installer,
  python: string | undefined,
): Promise<MadeEnvironment> {
  const startedAt = host.clock.now();
  const { infra } = host.folders;
  const versions = infraPrograms.map(({ name, version }) => `${name} ${version}`).join(', ');
  makeFolder(join(infra, 'bin'));
  const record: SetupRecord = {
    state: 'unfinished',
    engine: 'infra',
    version: versions,
    requirements,
    overrides: [],
  };
  writeSetupRecord(infra, record);
  const logFile = newLog(host, 'infra');
  const staging = join(infra, 'staging');
  try {
    await host.steps.step('etcd and NATS', async (view) => {
      await rm(staging, { recursive: true, force: true });
      makeFolder(staging);
      const run = async (argv: Argv): Promise<void> => await install(host, argv, logFile, view.caption);
      await run(makeEnvironmentCommand(installer.uv, staging, python ?? '>=3.8'));
      await run(infraInstallCommand(installer.uv, staging));
      for (const program of infraPrograms) await place(host, program, staging, infra);
      view.title(versions);
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  host.stop.throwIfAborted();
  const bytes = await folderSize(join(infra, 'bin'));
  const complete: SetupRecord = { ...record, state: 'complete', bytes, tookMs: host.clock.now() - startedAt };
  writeSetupRecord(infra, complete);
  return { folder: infra, record: complete };
}

async function install(
  host: SetupHost,
  argv: Argv,
  logFile: string,
  onLine: (line: string) => void,
): Promise<void> {
  const { succeeded, output } = await host.run(argv, logFile, onLine);
  if (succeeded) return;
  throw installError({
    what: 'etcd and NATS could not be installed',
    output,
    logFile,
    again: 'dynamo setup --infra',
  });
}

/** Checks that the program runs before it is moved to its final place. */
async function place(host: SetupHost, program: InfraProgram, staging: string, infra: string): Promise<void> {
  const file = found(staging, program);
  chmodSync(file, 0o755);
  const { output } = await host.run([file, '--version']);
  if (!output.includes(program.version)) {
    throw new DynamoError('environment', `${program.name} ${program.version} does not run here.`, {
      details: output.split('\n').slice(0, 5),
      hint: 'sudo apt-get install etcd-server nats-server',
      fields: { program: program.name, version: program.version },
    });
  }
  renameSync(file, join(infra, 'bin', program.name));
}

function found(staging: string, { name, place: parts, requirement }: InfraProgram): string {
  const [python = ''] = readdirSync(join(staging, 'lib'));
  const file = join(staging, ...parts.map((part) => (part === '*' ? python : part)));
  if (existsSync(file)) return file;
  throw new DynamoError('environment', `The package ${requirement} does not contain ${name} at ${file}.`, {
    hint: 'sudo apt-get install etcd-server nats-server',
    fields: { program: name, file },
  });
}
