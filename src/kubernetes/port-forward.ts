/** A local port that is forwarded to the cluster, and is reopened when its pod goes away. */
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoError } from '../base/error.ts';
import { type Following, type Kubectl, placeOf } from './kubectl.ts';

export interface Forward {
  readonly port: number;
  readonly url: string;
  end(): Promise<void>;
}

export interface ForwardOptions {
  /** Local port; default: any free one. */
  readonly port?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when it breaks. */
  readonly onNote?: (text: string) => void;
}

const openWithinMs = 20_000;
const firstPauseMs = 200;
const longestPauseMs = 5_000;

/** `target`: as in `svc/disagg-frontend`. Throws `unavailable` when it does not come up. */
export async function openForward(
  kubectl: Kubectl,
  target: string,
  targetPort: number,
  { port, signal, onNote = () => {} }: ForwardOptions = {},
): Promise<Forward> {
  const ending = new AbortController();
  let current = await open(kubectl, target, `${port ?? ''}:${targetPort}`, signal);
  const local = current.port;
  const keep = async (): Promise<void> => {
    for (let pause = firstPauseMs; !ending.signal.aborted;) {
      const { stderr } = await current.following.ended;
      if (ending.signal.aborted) return;
      onNote(
        `the port-forward to ${target} broke (${lastWords(stderr) || 'no reason given'}); opening it again`,
      );
      for (;;) {
        await delay(pause, undefined, { signal: ending.signal });
        pause = Math.min(pause * 2, longestPauseMs);
        try {
          current = await open(kubectl, target, `${local}:${targetPort}`, ending.signal);
          pause = firstPauseMs;
          break;
        } catch {
          // A new pod may take minutes.
          ending.signal.throwIfAborted();
        }
      }
    }
  };
  // It rejects only when it is ended.
  const keeping = keep().catch(() => {});
  return {
    port: local,
    url: `http://127.0.0.1:${local}`,
    end: async () => {
      ending.abort();
      await current.following.end();
      await keeping;
    },
  };
}

async function open(
  kubectl: Kubectl,
  target: string,
  ports: string,
  signal: AbortSignal | undefined,
): Promise<{ following: Following; port: number }> {
  signal?.throwIfAborted();
  let said = '';
  let found: ((port: number) => void) | undefined;
  const opened = new Promise<number>((resolve) => (found = resolve));
  const following = kubectl.follow(['port-forward', '--address', '127.0.0.1', target, ports], (text) => {
    said += said.length < 10_000 ? text : '';
    const port = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
    if (port !== undefined) found?.(Number(port));
  });
  const limit = new AbortController();
  try {
    const port = await Promise.race([
      opened,
      following.ended.then(({ stderr }) => {
        throw failed(kubectl, target, ports, lastWords(stderr) || 'it ended at once');
      }),
      delay(openWithinMs, undefined, {
        signal: AbortSignal.any([limit.signal, ...(signal === undefined ? [] : [signal])]),
      }).then(() => {
        throw failed(kubectl, target, ports, `no answer within ${openWithinMs / 1000} s`);
      }),
    ]);
    return { following, port };
  } catch (error) {
    await following.end();
    throw signal?.aborted === true ? signal.reason : error;
  } finally {
    limit.abort();
  }
}

function failed(kubectl: Kubectl, target: string, ports: string, why: string): DynamoError {
  return new DynamoError('unavailable', `No port-forward to ${target}: ${why}.`, {
    fields: placeOf(kubectl),
    hint: kubectl.line('port-forward', target, ports),
  });
}

function lastWords(stderr: string): string {
  return (stderr.split('\n').at(-1) ?? '').replace(/^error: /, '');
}
