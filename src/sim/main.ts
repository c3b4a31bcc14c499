/** Entry of the embedded engine: `node dist/sim.js frontend [flags]` and `node dist/sim.js worker [flags]`. */
import { messageOf } from '../base/error-code.ts';
import { frontend } from './frontend.ts';
import { exitWith, log } from './log.ts';
import { worker } from './worker.ts';

const [role, ...argv] = process.argv.slice(2);

// Caught before anything else, or an early signal would kill without cleaning up; the second one is ignored as upstream.
const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    if (name === 'SIGTERM' && argv.includes('--ignore-sigterm')) {
      log('WARN', 'sim', 'SIGTERM ignored because of --ignore-sigterm');
    } else if (!stop.signal.aborted) {
      log('INFO', 'main.graceful_shutdown', 'Received shutdown signal, shutting down', { signal: name });
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
