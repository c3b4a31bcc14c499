// One foreground run of `dynamo`, with the times that the run itself recorded.
import { spawn } from 'node:child_process';
import { cli } from '../measure.js';
import { now } from '../launched.js';
import { told } from '../ours/dynamo.js';

/** `words`: arguments of `up`. All in milliseconds; `own`: each process after SIGTERM, by wave. */
export async function upAndDown(words, { stopOrder }, env, folder) {
  const [beganAt, startedAt] = [now(), Date.now()];
  const running = spawn(process.execPath, [cli, 'up', ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const up = (await isReady(running)) - beganAt;
  const gone = new Promise((resolve) => running.once('exit', () => resolve(now())));
  const askedAt = now();
  running.kill('SIGTERM');
  const stop = (await gone) - askedAt;
  const events = told({ folder });
  const at = (state) => events.filter((event) => event.state === state);
  const own = stopOrder.map((wave) =>
    wave.map((name) => {
      const [from, to] = ['stopping', 'stopped'].map(
        (state) => at(state).find(({ process: of }) => of === name).at,
      );
      return to - from;
    }),
  );
  return {
    up,
    beforeMs: at('started')[0].at - startedAt,
    provingMs: events.find(({ type }) => type === 'ready').at - at('ready').at(-1).at,
    stop,
    own,
  };
}

/** Rejects with its output if it exits first. */
function isReady(running) {
  return new Promise((resolve, reject) => {
    let output = '';
    const hear = (part) => {
      output += part;
      if (/is ready after/.test(output)) resolve(now());
    };
    running.stdout.setEncoding('utf8').on('data', hear);
    running.stderr.setEncoding('utf8').on('data', hear);
    running.once('exit', (code) => reject(new Error(`up ended with ${code}:\n${output}`)));
  });
}
