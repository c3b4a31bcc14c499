/** Runs one example of a help in a shell, as a user would who pastes it. */
import { expect } from 'vitest';
import { executable, shellCode, startCommand } from './cli.ts';
import { freePort } from './ports.ts';
import { standIn, type World } from './world.ts';

/** How an example is played. */
export interface Act {
  /** In its place, when it names a host, a process or a version that is not there. */
  readonly line?: string;
  /** For one that goes on: what it shows before it gets Ctrl-C. */
  readonly until?: RegExp;
  /** Done while it runs. */
  readonly meanwhile?: () => Promise<unknown>;
  /** Exit codes that are as they should be; 0 unless said otherwise. */
  readonly codes?: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Brings about what the examples of a verb speak of; then says of each how it is played. */
export type Stage = (world: World) => Promise<(line: string) => Act | Promise<Act>>;

/** `dynamo` on PATH. */
export function installDynamo(world: World): void {
  standIn(world, 'dynamo', `#!/bin/sh\nexec node ${executable} "$@"\n`);
}

/** Throws with all that was said unless the example does what it should. */
export async function play(world: World, line: string, act: Act): Promise<void> {
  const session = startCommand(world, ['bash', '-o', 'pipefail', '-c', act.line ?? line], {
    // Runs of other worlds on this host wish for the same port.
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
