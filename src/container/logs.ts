/** Brings what a container prints into the log file of its process. */
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

/** Settles when the container prints no more, or the daemon is gone. `all`: from its first line on. Never rejects. */
async function followLog(docker: Docker, container: Container, logFile: string, all: boolean): Promise<void> {
  try {
    const from = all ? {} : afterLast(logFile);
    const stream = await container.logs({ follow: true, stdout: true, stderr: true, ...from });
    await writeTo(docker, stream, logFile);
  } catch {
    // its end says more than its log
  }
}

/** Appends what came after the last line that was written. Never rejects. */
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
    // there is no log file any more, or no log
  }
}

/** Files are stamped with the last tick of the kernel's clock, which may be before the line. */
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

/** Between two questions to a daemon that does not answer, or about a container that prints no more and runs. */
const askAgainMs = 200;

interface ExitWatch {
  readonly clock: Clock;
  readonly note: (text: string) => void;
}

/**
 * Its log is in the file by then. Never rejects. Docker's own `wait` is not asked: when the daemon dies, its answer
 * neither comes nor fails, while the end of the log does both. Seen with dockerode 5.0.1.
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
      if (OOMKilled) note(`${name} had no memory left: its container's limit was reached`);
      if (!Running) return exitOf(ExitCode);
    } catch (error) {
      if (!silent) {
        const why = silence(error) ?? said(error);
        note(`Docker does not answer (${why}): whether ${name} lives, its health checks tell`);
      }
      silent = true;
    }
    await clock.sleep(askAgainMs);
  }
}

/** Docker says 128 + n for the end by signal n, as shells do. */
function exitOf(status: number): Exit {
  const signal = Object.entries(constants.signals).find(([, number]) => 128 + number === status)?.[0];
  return signal === undefined ? { code: status, signal: undefined } : { code: undefined, signal };
}
