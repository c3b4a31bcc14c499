/** Runs one process of the embedded engine: role, signals, exit code. */
import { messageOf } from '../base/error-code.ts';
import { frontend } from './frontend.ts';
import { exitWith, log } from './log.ts';
import { worker } from './worker.ts';

/** `words`: `frontend [flags]` or `worker [flags]`. */
export async function simProcess([role, ...argv]: readonly string[]): Promise<never> {
  // Installed first, so that an early signal does not kill without cleaning up. Later signals are ignored, as upstream does.
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (name === 'SIGTERM' && argv.includes('--ignore-sigterm')) {
        log('WARN', 'sim', 'SIGTERM ignored because of --ignore-sigterm');
      } else if (!stop.signal.aborted) {
        log('INFO', 'main.graceful_shutdown', 'Received shutdown signal, shutting down', { signal: name });
        if (argv.includes('--cut-streams')) process.exit(0);
        stop.abort();
      }
    });
  }
  try {
    if (role === 'frontend') await frontend(argv, stop);
    else if (role === 'worker') await worker(argv, stop);
    else exitWith(2, 'usage: sim frontend|worker [flags]');
    process.exit(0);
  } catch (error) {
    exitWith(1, `Exception: ${messageOf(error)}`);
  }
}
