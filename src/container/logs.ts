/** Brings what a container prints into the log file of its process. */
import { createWriteStream, statSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import type Docker from 'dockerode';
import type { Container } from 'dockerode';

const tickMs = 10;

/** Settles when the container prints no more, or the daemon is gone. Never rejects. */
export async function followLog(docker: Docker, container: Container, logFile: string): Promise<void> {
  try {
    const stream = await container.logs({
      follow: true,
      stdout: true,
      stderr: true,
      ...since(logFile, true),
    });
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
      ...since(logFile, false),
    });
    const stream = new PassThrough();
    stream.end(rest);
    await writeTo(docker, stream, logFile);
  } catch {
    // there is no log file any more, or no log
  }
}

/** A file that is new has nothing of this container yet. */
function since(logFile: string, all: boolean): { since?: number } {
  if (all) return {};
  // Files are stamped with the last tick of the kernel's clock, which may be before the line.
  return { since: (statSync(logFile).mtimeMs + tickMs) / 1000 };
}

async function writeTo(docker: Docker, stream: NodeJS.ReadableStream, logFile: string): Promise<void> {
  const file = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  docker.modem.demuxStream(stream, file, file);
  const end = (): void => void file.end();
  stream.once('end', end).once('close', end).once('error', end);
  await finished(file);
}
