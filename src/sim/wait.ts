/** Pauses, and the wait for etcd or NATS at start-up, as upstream does since 1.4; docs/upstream/discovery.md#etcd. */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../base/error-code.ts';
import { log } from './log.ts';
import { variables } from './variables.ts';

const defaultSeconds = 120;
const longestPauseMs = 5_000;

/**
 * Retries until it works. Undefined if the process is asked to stop first. Throws with upstream's message after
 * `<NAME>_STARTUP_CONNECT_TIMEOUT_SECONDS`.
 */
export async function connectAtStart<T>(
  name: 'etcd' | 'NATS',
  attempt: () => Promise<T>,
  stop: AbortSignal,
): Promise<T | undefined> {
  const seconds = secondsOf(variables[`${name.toUpperCase()}_STARTUP_CONNECT_TIMEOUT_SECONDS`]);
  const deadline = performance.now() + seconds * 1000;
  let pauseMs = 500;
  for (let attempts = 1; !stop.aborted; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      const remaining = deadline - performance.now();
      if (remaining <= 0) {
        const count = name === 'NATS' ? ` (${attempts} attempts)` : '';
        throw new Error(`${name} startup connection timed out after ${seconds} seconds${count}`, {
          cause: error,
        });
      }
      pauseMs = Math.min(pauseMs * 2, longestPauseMs, remaining);
      const text = `${name} not reachable yet; retrying startup connection`;
      const shown = { retry_in: inSeconds(pauseMs), remaining: inSeconds(remaining) };
      log('WARN', `dynamo_runtime::transports::${name.toLowerCase()}`, text, {
        error: messageOf(error),
        ...shown,
      });
      await sleep(pauseMs, stop);
    }
  }
  return undefined;
}

function secondsOf(text: string | undefined): number {
  const seconds = Number(text);
  return text && seconds >= 0 ? seconds : defaultSeconds;
}

function inSeconds(milliseconds: number): string {
  return `${Number((milliseconds / 1000).toFixed(3))}s`;
}

/** A pause that an abort signal ends early, without an error. */
export async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds > 0) await delay(milliseconds, undefined, { signal }).catch(() => {});
}
