/** Waits for output of a foreground command while it runs. */
import type { Session } from '../../e2e/harness/cli.ts';
import { until } from '../../support/until.ts';

/** Throws with its output if it exits first, or after `deadlineMs`. */
export async function untilSaid(session: Session, pattern: RegExp, deadlineMs: number): Promise<void> {
  const said = (): string => session.stderr() + session.stdout();
  let over = false;
  void session.ended.then(() => (over = true));
  await until(`${pattern}`, () => over || pattern.test(said()), deadlineMs);
  if (!pattern.test(said())) throw new Error(`it ended without ${pattern}; it said:\n${said()}`);
}
