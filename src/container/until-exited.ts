/** Waits for the end of a container, also while its daemon is down: then nobody knows, and the probes decide. */
import { constants } from 'node:os';
import type Docker from 'dockerode';
import type { Container } from 'dockerode';
import type { Clock } from '../base/clock.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { Exit } from '../supervisor/events.ts';
import { said, silence } from './client.ts';
import { lookAt } from './end-container.ts';
import { followLog } from './logs.ts';

/** Between two questions to a daemon that does not answer, or about a container that prints no more and runs. */
const askAgainMs = 200;

export interface ExitWatch {
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
      const info = await lookAt(container);
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
