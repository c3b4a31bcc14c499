/** Starts processes of a plan in containers: recorded before they are created, watched, and removed when they end. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type Docker from 'dockerode';
import type { Container } from 'dockerode';
import type { Clock } from '../base/clock.ts';
import type { ContainerEntry, DaemonAddress } from '../base/identity.ts';
import { DynamoError } from '../base/error.ts';
import type { Child, LaunchWatch } from '../supervisor/contracts.ts';
import type { StopReport } from '../supervisor/events.ts';
import { answered, connect, inspectContainer, said, silence, statusOf } from './client.ts';
import { containerName, type ContainerProcess, createOptions } from './create-options.ts';
import { endContainer, isOurs } from './end-container.ts';
import { isPresent, pull } from './images.ts';
import { untilExited } from './logs.ts';

export interface ContainerLauncherSettings {
  readonly runId: string;
  readonly runFolder: string;
  readonly daemon: DaemonAddress;
  /** Called before a container is created. */
  readonly writeDown: (entry: ContainerEntry) => void;
  /** The values of variables that the plan only names. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Information for people. */
  readonly note: (text: string) => void;
}

interface OpenDaemon extends ContainerLauncherSettings {
  readonly docker: Docker;
}

export type LaunchContainer = (spec: ContainerProcess, watch: LaunchWatch) => Promise<Child>;

export function createContainerLauncher(settings: ContainerLauncherSettings): LaunchContainer {
  const docker = connect(settings.daemon);
  const daemon: OpenDaemon = { ...settings, docker };
  const removals = new Map<string, Promise<StopReport>>();
  return async (spec, watch) => {
    // The previous container of this process had the same name.
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
    const container = await started(daemon, spec, entry, watch.signal);
    const { child, removed } = await watched(daemon, container, spec, entry);
    removals.set(spec.name, removed);
    return child;
  };
}

async function bringImage(docker: Docker, spec: ContainerProcess, watch: LaunchWatch): Promise<void> {
  const { image } = spec.container;
  try {
    if (!(await isPresent(docker, image))) await pull(docker, image, watch);
  } catch (error) {
    throw explainedError(error, spec);
  }
}

/** If it throws, nothing is left, unless the daemon went away: then the end of the run checks again. */
async function started(
  { docker, runFolder, environment, clock }: OpenDaemon,
  spec: ContainerProcess,
  entry: ContainerEntry,
  signal: AbortSignal,
): Promise<Container> {
  try {
    const options = createOptions(spec, entry, runFolder, environment);
    const container = await answered(docker.createContainer(options), startMs, signal);
    await answered(container.start(), startMs, signal);
    return container;
  } catch (error) {
    const forceSignal = AbortSignal.abort();
    // Without an answer, the daemon may still be creating it.
    const appearsWithinMs = statusOf(error) === undefined ? 1_500 : 0;
    await endContainer({ docker, entry, graceMs: 0, clock, forceSignal, appearsWithinMs });
    signal.throwIfAborted();
    throw explainedError(error, spec, entry);
  }
}

/** Creating and starting a container takes a second, and much longer on a loaded host. */
const startMs = 120_000;

async function watched(
  { docker, clock, note }: OpenDaemon,
  container: Container,
  spec: ContainerProcess,
  entry: ContainerEntry,
): Promise<{ child: Child; removed: Promise<StopReport> }> {
  const force = new AbortController();
  const pid = await inspectContainer(container).then(
    (info) => (info !== undefined && isOurs(info, entry) ? info.State.Pid || undefined : undefined),
    () => undefined,
  );
  const exited = untilExited(docker, container, spec, { clock, note });
  const end = (graceMs: number, written: Promise<unknown>): Promise<StopReport> =>
    endContainer({ docker, entry, graceMs, clock, forceSignal: force.signal, written });
  const removed = exited.then(async () => await end(0, exited));
  const child: Child = {
    pid,
    exited,
    degraded: new Promise(() => {}),
    trackChildren: async () => {},
    vitalChildren: () => [],
    // The port may be held by Docker's proxy, or be a kernel rule.
    drained: () => new Promise(() => {}),
    stop: async (graceMs) => await end(graceMs, exited),
    kill: () => force.abort(),
  };
  return { child, removed };
}

/** An error of Docker, with its cause and what to do in words. */
function explainedError(error: unknown, spec: ContainerProcess, entry?: ContainerEntry): unknown {
  if (error instanceof DynamoError) return error;
  const without = spec.kind === 'infra' ? '--infra process' : '--runtime process';
  const down = silence(error);
  if (down !== undefined) {
    return new DynamoError(
      'unavailable',
      `${spec.name} could not be started: Docker does not answer: ${down}.`,
      {
        hint: `sudo systemctl start docker   # or: ${without}`,
        fields: { process: spec.name },
      },
    );
  }
  const words = said(error);
  const name = entry?.container ?? '';
  if (statusOf(error) === 409) {
    return new DynamoError(
      'busy',
      `A container named ${name} already exists, and does not belong to this run.`,
      {
        hint: `docker rm -f ${name}`,
        fields: { process: spec.name, asked: name },
      },
    );
  }
  const port = portIn(words);
  if (port !== undefined) {
    return new DynamoError(
      'busy',
      `${spec.name} needs port ${port}, but another program is using it: ${words}`,
      {
        hint: 'start again: other ports will be chosen',
        fields: { process: spec.name, port: Number(port) },
      },
    );
  }
  return new DynamoError('environment', `${spec.name} could not be started in a container: ${words}`, {
    hint: `docker info   # or: ${without}`,
    fields: { process: spec.name },
  });
}

/** Docker: `Bind for 127.0.0.1:2379 failed: port is already allocated`, `listen tcp4 127.0.0.1:2379: bind: address already in use`. */
function portIn(words: string): string | undefined {
  if (!/already allocated|address already in use/i.test(words)) return undefined;
  return /(?:127\.0\.0\.1|0\.0\.0\.0|localhost):(\d+)/.exec(words)?.[1];
}
