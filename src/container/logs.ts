/** Brings what a container prints into the log file of its process. */
import { createWriteStream, statSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import type Docker from 'dockerode';
import type { Container } from 'dockerode';

const tickMs = 10;

/** Settles when the container prints no more, or the daemon is gone. `all`: from its first line on. Never rejects. */
export async function followLog(
  docker: Docker,
  container: Container,
  logFile: string,
  all: boolean,
): Promise<void> {
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
