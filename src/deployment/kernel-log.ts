/** The kernel log from whoever lets us read it: the device, dmesg, or the journal. */
import type { Environment } from '../base/environment.ts';
import { errorCode } from '../base/error-code.ts';
import type { KernelLog } from '../doctor/host-view.ts';
import { readKernelLog } from '../doctor/kernel-log.ts';
import { runProgram } from '../host/program.ts';

/** Each; both are below the limit of a check. */
const programMs = 1_500;

/** Never rejects. */
export async function kernelLog(environment: Environment): Promise<KernelLog> {
  try {
    return { lines: readKernelLog() };
  } catch (error) {
    const printed =
      (await said('dmesg', [], environment)) ??
      (await said('journalctl', ['-k', '-b', '-q', '--no-pager'], environment));
    if (printed !== undefined) return { lines: printed };
    return {
      problem: `/dev/kmsg: ${errorCode(error) ?? 'unreadable'}, and neither dmesg nor journalctl may read it`,
    };
  }
}

/** `undefined` when it may not, which journalctl says with status 0 and no line. */
async function said(
  program: string,
  words: readonly string[],
  environment: Environment,
): Promise<string[] | undefined> {
  const ended = await runProgram({ program, words, environment, timeoutMs: programMs }).catch(
    () => undefined,
  );
  return ended?.code === 0 && ended.stdout !== '' ? ended.stdout.split('\n') : undefined;
}
