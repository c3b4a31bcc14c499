/** Starts a command so that it does nothing before it is written down: a shell waits for our word, then becomes it. */
import type { ChildProcess } from 'node:child_process';
import { Writable } from 'node:stream';

/**
 * Waits for a byte on descriptor 3, so that the ledger knows the process before it can start another, and joins the
 * control group that is its first argument, where there is one.
 */
const script =
  'read -r _ <&3 || exit 125; exec 3<&-; [ -z "$1" ] || echo $$ 2>/dev/null >"$1/cgroup.procs"; shift; exec "$@"';

/** Node puts every signal back to its default when it starts, for itself and for what it starts. */
const deafScript = `trap '' HUP; ${script}`;

/** Descriptor 3 has to be a pipe to us. `ignoresHangup`: as who started us wanted it, with nohup. */
export function gatedCommand(
  argv: readonly string[],
  { cgroup = '', ignoresHangup }: { readonly cgroup?: string | undefined; readonly ignoresHangup: boolean },
): string[] {
  return ['/bin/sh', '-c', ignoresHangup ? deafScript : script, 'sh', cgroup, ...argv];
}

/** To be called once it is written down. */
export function openGate({ stdio }: ChildProcess): void {
  const pipe = stdio[3];
  if (!(pipe instanceof Writable)) return;
  // One that was killed reads no more.
  pipe.on('error', () => {});
  pipe.end('\n');
}
