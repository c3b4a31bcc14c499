/** Runs the built doctor with a separate state folder, and returns one check. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { executable } from '../../e2e/harness/cli.ts';
import { temporaryFolder } from '../../integration/sim/processes.ts';

export interface SeenCheck {
  readonly status: string;
  readonly evidence: string;
  readonly details: readonly string[];
  readonly fix?: string;
}

export async function doctor(
  check: string,
  env: Readonly<Record<string, string>>,
  more: readonly string[] = [],
  state = temporaryFolder(),
): Promise<SeenCheck> {
  const places = { XDG_STATE_HOME: join(state, 's'), XDG_RUNTIME_DIR: state, HOME: state };
  const argv = [executable, 'doctor', ...more, '--json', '--only', check];
  const stdout = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      argv,
      { cwd: state, env: { PATH: process.env['PATH'], ...places, ...env } },
      // A failed check exits with 1, but still prints a report.
      (error, out, err) =>
        out === '' ? reject(new Error(err || (error?.message ?? 'no output'))) : resolve(out),
    );
  });
  const [seen] = (JSON.parse(stdout) as { checks: SeenCheck[] }).checks;
  if (seen === undefined) throw new Error(stdout);
  return seen;
}
