/** Copies the output of a container into the log file of its process, and waits for the container to end. */
import type Docker from 'dockerode';
import { createWriteStream, statSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import type { Container } from 'dockerode';
import { constants } from 'node:os';
import type { Clock } from '../base/clock.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { Exit } from '../supervisor/events.ts';
import { inspectContainer, said, silence } from './client.ts';

const tickMs = 10;

/** Settles when the container's output ends, or the daemon is gone. `all`: from its first line. Never rejects. */
async function followLog(docker: Docker, container: Container, logFile: string, all: boolean): Promise<void> {
  try {
    const from = all ? {} : afterLast(logFile);
    const stream = await container.logs({ follow: true, stdout: true, stderr: true, ...from });
    await writeTo(docker, stream, logFile);
  } catch {
    // The exit of the container will say more than its log.
  }
}

/** Appends the output since the last line that was written. Never rejects. */
export async function takeRest(docker: Docker, container: Container, logFile: string): Promise<void> {
  try {
    const rest = await container.logs({
      follow: false,
      stdout: true,
      stderr: true,
      ...afterLast(logFile),
    });
    const stream = new PassThrough();
    stream.end(rest);
    await writeTo(docker, stream, logFile);
  } catch {
    // The log file or the container's log no longer exists.
  }
}

/** The timestamp of a file is the last tick of the kernel's clock, which may be before the line. */
function afterLast(logFile: string): { since: number } {
  return { since: (statSync(logFile).mtimeMs + tickMs) / 1000 };
}

async function writeTo(docker: Docker, stream: NodeJS.ReadableStream, logFile: string): Promise<void> {
  const file = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  docker.modem.demuxStream(stream, file, file);
  const end = (): void => void file.end();
  stream.once('end', end).once('close', end).once('error', end);
  await finished(file);
}

/** The pause before a daemon that does not answer is asked again, or a container that runs without output. */
const askAgainMs = 200;

interface ExitWatch {
  readonly clock: Clock;
  readonly note: (text: string) => void;
}

/**
 * Settles when the container has ended; its log is in the file by then. Never rejects. While the daemon is down nothing is
 * known, and the health checks decide. Does not use Docker's `wait`: if the daemon dies, that neither returns nor fails, while
 * following the log does. Seen with dockerode 5.0.1.
 */
export async function untilExited(
  docker: Docker,
  container: Container,
  { name, logFile }: Pick<ProcessSpec, 'name' | 'logFile'>,
  { clock, note }: ExitWatch,
): Promise<Exit> {
  let silent = false;
  for (let life = 0; ; life++) {
    await followLog(docker, container, logFile, life === 0);
    try {
      const info = await inspectContainer(container);
      if (info === undefined) return { code: undefined, signal: undefined };
      const { Running, OOMKilled, ExitCode } = info.State;
      if (OOMKilled) note(`${name} ran out of memory: its container reached the limit`);
      if (!Running) return exitOf(ExitCode);
    } catch (error) {
      if (!silent) {
        const why = silence(error) ?? said(error);
        note(`Docker does not answer (${why}); the health checks of ${name} still run`);
      }
      silent = true;
    }
    await clock.sleep(askAgainMs);
  }
}

/** Docker reports 128 + n for an end by signal n, as shells do. */
function exitOf(status: number): Exit {
  const signal = Object.entries(constants.signals).find(([, number]) => 128 + number === status)?.[0];
  return signal === undefined ? { code: status, signal: undefined } : { code: undefined, signal };
}
