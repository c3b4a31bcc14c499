/** Waits for the end of a container, also while its daemon is down: then nobody knows, and the probes decide. */
import { constants } from 'node:os';
import type { Container } from 'dockerode';
import type { Clock } from '../base/clock.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { Exit } from '../supervisor/child.ts';
import { silence, statusOf } from './client.ts';
import { lookAt } from './end-container.ts';

const askAgainMs = 500;

export interface ExitWatch {
  readonly clock: Clock;
  readonly note: (text: string) => void;
}

/** Never rejects. */
export async function untilExited(
  container: Container,
  { name }: Pick<ProcessSpec, 'name'>,
  { clock, note }: ExitWatch,
): Promise<Exit> {
  let silent = false;
  for (;;) {
    try {
      const { StatusCode } = await container.wait();
      const info = await lookAt(container);
      if (info?.State.OOMKilled === true)
        note(`${name} had no memory left: its container's limit was reached`);
      return exitOf(StatusCode);
    } catch (error) {
      if (statusOf(error) === 404) return { code: undefined, signal: undefined };
      if (!silent) {
        note(
          `Docker does not answer (${silence(error) ?? 'it fails'}): whether ${name} lives, its health checks tell`,
        );
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
