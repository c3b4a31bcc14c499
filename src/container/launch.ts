/** Starts processes of a plan in containers: written down before they are made, watched, and removed when they end. */
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
    const container = await started(docker, spec, entry, settings, watch);
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

/** When it throws, it has left nothing, unless the daemon went away: then the end of the run looks again. */
async function started(
  docker: Docker,
  spec: ContainerProcess,
  entry: ContainerEntry,
  { runFolder, environment, clock }: ContainerLauncherSettings,
  { signal }: LaunchWatch,
): Promise<Container> {
  try {
    const options = createOptions(spec, entry, runFolder, environment);
    const container = await answered(docker.createContainer(options), startMs, signal);
    await answered(container.start(), startMs, signal);
    return container;
  } catch (error) {
    const forceSignal = AbortSignal.abort();
    // Without an answer, the daemon may still be about it.
    const appearsWithinMs = statusOf(error) === undefined ? 1_500 : 0;
    await endContainer({ docker, entry, graceMs: 0, clock, forceSignal, appearsWithinMs });
    signal.throwIfAborted();
    throw toldError(error, spec, entry);
  }
}

/** Making and starting one takes a second, and on a loaded host many. */
const startMs = 120_000;

async function watched(
  docker: Docker,
  container: Container,
  spec: ContainerProcess,
  entry: ContainerEntry,
  settings: ContainerLauncherSettings,
): Promise<{ child: Child; removed: Promise<StopReport> }> {
  const { clock, note } = settings;
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
    // Its port may be another's: Docker's proxy, or a rule of the kernel.
    drained: () => new Promise(() => {}),
    stop: async (graceMs) => await end(graceMs, exited),
    kill: () => force.abort(),
  };
  return { child, removed };
}

/** What Docker refused, in words that name the cause and what a person can do. */
function toldError(error: unknown, spec: ContainerProcess, entry?: ContainerEntry): unknown {
  if (error instanceof DynamoError) return error;
  const without = spec.kind === 'infra' ? '--infra process' : '--runtime process';
  const down = silence(error);
  if (down !== undefined) {
    return new DynamoError(
      'unavailable',
      `${spec.name} could not be started: Docker does not answer: ${down}.`,
      {
        hint: `sudo systemctl start docker   # or: ${without}`,
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
    hint: `docker info   # or: ${without}`,
  });
}

/** Docker: `Bind for 127.0.0.1:2379 failed: port is already allocated`, `listen tcp4 127.0.0.1:2379: bind: address already in use`. */
function portIn(words: string): string | undefined {
  if (!/already allocated|address already in use/i.test(words)) return undefined;
  return /(?:127\.0\.0\.1|0\.0\.0\.0|localhost):(\d+)/.exec(words)?.[1];
}
