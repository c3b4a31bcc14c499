/** Runs an example of a help text in a shell, as if pasted by a user. */
import { expect } from 'vitest';
import { executable, shellCode, startCommand } from './cli.ts';
import { freePort } from './ports.ts';
import { standIn, type World } from './world.ts';

/** How to run an example. */
export interface Act {
  /** Replaces the example if it names a host, process or version that does not exist. */
  readonly line?: string;
  /** For a command that does not exit: what it prints before it gets Ctrl-C. */
  readonly until?: RegExp;
  /** Runs in the meantime. */
  readonly meanwhile?: () => Promise<unknown>;
  /** Expected exit codes; default: 0. */
  readonly codes?: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Sets up what the examples of a command refer to, and returns how to run each of them. */
export type Stage = (world: World) => Promise<(line: string) => Act | Promise<Act>>;

/** `dynamo` on PATH. */
export function installDynamo(world: World): void {
  standIn(world, 'dynamo', `#!/bin/sh\nexec node ${executable} "$@"\n`);
}

/** Throws with the output unless the example behaves as expected. */
export async function play(world: World, line: string, act: Act): Promise<void> {
  const session = startCommand(world, ['bash', '-o', 'pipefail', '-c', act.line ?? line], {
    // Other tests on this host prefer the same port.
    env: { DYN_HTTP_PORT: String(await freePort()), ...act.env },
    ownGroup: true,
  });
  await act.meanwhile?.();
  if (act.until !== undefined) {
    await session.until(act.until);
    process.kill(-session.pid, 'SIGINT');
  }
  const ended = await session.ended;
  expect(act.codes ?? [0], `${line}\n${ended.stdout}\n${ended.stderr}`).toContain(shellCode(ended));
}
