/** Starts processes of a plan in containers: written down before they are made, watched, and removed when they end. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type Docker from 'dockerode';
import type { Container } from 'dockerode';
import type { Clock } from '../base/clock.ts';
import type { ContainerEntry, DaemonAddress } from '../base/container-entry.ts';
import { DynamoError } from '../base/error.ts';
import type { Child, Exit, LaunchWatch, StopReport } from '../supervisor/child.ts';
import { connect, said, silence, statusOf } from './client.ts';
import { containerName, type ContainerProcess, createOptions } from './create-options.ts';
import { endContainer, isOurs, lookAt } from './end-container.ts';
import { isPresent, pull } from './images.ts';
import { followLog } from './logs.ts';
import { untilExited } from './until-exited.ts';

export interface ContainerLauncherSettings {
  readonly runId: string;
  readonly runFolder: string;
  readonly daemon: DaemonAddress;
  /** Called before a container is made. */
  readonly writeDown: (entry: ContainerEntry) => void;
  /** Where variables come from that the plan only names. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Something that a person should know. */
  readonly note: (text: string) => void;
}

export type LaunchContainer = (spec: ContainerProcess, watch: LaunchWatch) => Promise<Child>;

export function createContainerLauncher(settings: ContainerLauncherSettings): LaunchContainer {
  const docker = connect(settings.daemon);
  const removals = new Map<string, Promise<StopReport>>();
  return async (spec, watch) => {
    // The life before had the same name.
    await removals.get(spec.name);
    mkdirSync(dirname(spec.logFile), { recursive: true });
    const entry: ContainerEntry = {
      runId: settings.runId,
      process: spec.name,
      container: containerName(settings.runId, spec.name),
      launch: randomBytes(12).toString('hex'),
      daemon: settings.daemon,
      logFile: spec.logFile,
    };
    await bringImage(docker, spec, watch);
    watch.signal.throwIfAborted();
    settings.writeDown(entry);
    const container = await started(docker, spec, entry, settings);
    const { child, removed } = await watched(docker, container, spec, entry, settings);
    removals.set(spec.name, removed);
    return child;
  };
}

async function bringImage(docker: Docker, spec: ContainerProcess, watch: LaunchWatch): Promise<void> {
  const { image } = spec.container;
  try {
    if (!(await isPresent(docker, image))) await pull(docker, image, watch);
  } catch (error) {
    throw toldError(error, spec);
  }
}

/** Leaves nothing when it throws, except where the daemon went away: then the ledger knows. */
async function started(
  docker: Docker,
  spec: ContainerProcess,
  entry: ContainerEntry,
  settings: ContainerLauncherSettings,
): Promise<Container> {
  try {
    const container = await docker.createContainer(
      createOptions(spec, entry, settings.runFolder, settings.environment),
    );
    await container.start();
    return container;
  } catch (error) {
    const hurry = AbortSignal.abort();
    if (statusOf(error) !== undefined) {
      await endContainer({ docker, entry, graceMs: 0, clock: settings.clock, hurry });
    }
    throw toldError(error, spec, entry);
  }
}

async function watched(
  docker: Docker,
  container: Container,
  spec: ContainerProcess,
  entry: ContainerEntry,
  settings: ContainerLauncherSettings,
): Promise<{ child: Child; removed: Promise<StopReport> }> {
  const { clock, note } = settings;
  const hurry = new AbortController();
  const written = followLog(docker, container, spec.logFile);
  const pid = await lookAt(container).then(
    (info) => (info !== undefined && isOurs(info, entry) ? info.State.Pid || undefined : undefined),
    () => undefined,
  );
  const exited: Promise<Exit> = untilExited(container, spec, { clock, note }).then(async (exit) => {
    // Its last lines say why.
    await Promise.race([written, clock.sleep(lastLinesMs)]);
    return exit;
  });
  const lines = nothing(exited);
  const end = (graceMs: number): Promise<StopReport> =>
    endContainer({ docker, entry, graceMs, clock, hurry: hurry.signal, written: lines });
  const removed = exited.then(async () => await end(0));
  const child: Child = {
    pid,
    exited,
    crippled: new Promise(() => {}),
    stop: async (graceMs) => await end(graceMs),
    kill: () => hurry.abort(),
  };
  return { child, removed };
}

const lastLinesMs = 2_000;

async function nothing(work: Promise<unknown>): Promise<void> {
  await work;
}

/** What Docker refused, in words that name the cause and what a person can do. */
function toldError(error: unknown, spec: ContainerProcess, entry?: ContainerEntry): unknown {
  if (error instanceof DynamoError) return error;
  const down = silence(error);
  if (down !== undefined) {
    return new DynamoError(
      'unavailable',
      `${spec.name} could not be started: Docker does not answer: ${down}.`,
      {
        hint: 'sudo systemctl start docker   # or: --infra process',
      },
    );
  }
  const words = said(error);
  const name = entry?.container ?? '';
  if (statusOf(error) === 409) {
    return new DynamoError('busy', `There is a container named ${name} already, and it is not ours.`, {
      hint: `docker rm -f ${name}`,
    });
  }
  const port = portIn(words);
  if (port !== undefined) {
    return new DynamoError('busy', `${spec.name} wants port ${port}, and another program has it: ${words}`, {
      hint: 'start again: other ports will be taken',
    });
  }
  return new DynamoError('environment', `${spec.name} could not be started in a container: ${words}`, {
    hint: 'docker info   # or: --infra process',
  });
}

/** Docker: `Bind for 127.0.0.1:2379 failed: port is already allocated`, `listen tcp4 127.0.0.1:2379: bind: address already in use`. */
function portIn(words: string): string | undefined {
  if (!/already allocated|address already in use/i.test(words)) return undefined;
  return /(?:127\.0\.0\.1|0\.0\.0\.0|localhost):(\d+)/.exec(words)?.[1];
}
