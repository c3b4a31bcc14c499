/** Runs a program to its end for what it says, never longer than it may take. */
import { execa } from 'execa';

export interface ProgramOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramCall {
  readonly program: string;
  readonly words: readonly string[];
  readonly timeoutMs: number;
}

/**
 * `undefined` when there is no such program on PATH, or it may not be executed. Rejects when it has not ended in time,
 * also for one that cannot be ended: who waits for a hung driver heeds not even SIGKILL.
 */
export async function runProgram({
  program,
  words,
  timeoutMs,
}: ProgramCall): Promise<ProgramOutput | undefined> {
  const running = execa(program, words, {
    stdin: 'ignore',
    reject: false,
    // What it says is read by patterns.
    env: { LC_ALL: 'C' },
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      running.kill('SIGKILL');
      running.stdout.destroy();
      running.stderr.destroy();
      running.unref();
      reject(new Error(`${program} did not answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
  });
  try {
    const ended = await Promise.race([running, late]);
    if (ended.exitCode !== undefined) {
      return { code: ended.exitCode, stdout: ended.stdout, stderr: ended.stderr };
    }
    // No exit code and no signal: it never ran.
    return ended.signal === undefined
      ? undefined
      : { code: 128, stdout: ended.stdout, stderr: `it was ended by ${ended.signal}` };
  } finally {
    clearTimeout(timer);
  }
}
