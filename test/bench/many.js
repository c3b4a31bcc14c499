// Fifty workers of the embedded engine: `up` until it has proved that they serve, beside the same processes spawned bare
// and asked every 20 ms until each is ready. In turns.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { cli, median, timed, withOwnState } from './measure.js';

const workers = 50;
const rounds = 5;
const pauseMs = 20;
const patienceMs = 60_000;

/** Of the run in this state folder, which has ended. */
function planIn(env) {
  const runs = join(env.XDG_STATE_HOME, 'dynamo', 'runs');
  return JSON.parse(readFileSync(join(runs, readdirSync(runs)[0], 'plan.json'), 'utf8'));
}

function ask(url) {
  return new Promise((resolve) => {
    const call = get(url, { agent: false, timeout: 2_000 }, (response) => {
      let body = '';
      response
        .on('data', (part) => (body += part))
        .on('end', () => resolve({ status: response.statusCode, body }));
    });
    call.on('error', () => resolve({ status: 0, body: '' }));
  });
}

async function isReady({ kind, url, endpoint }) {
  const { status, body } = await ask(url);
  return kind === 'endpoint' ? body.includes(`"${endpoint}":"ready"`) : status === 200;
}

/** From the first spawn until all are ready, in milliseconds. Ends them. */
async function bare({ processes, discovery }) {
  mkdirSync(discovery.folder, { recursive: true });
  const begin = performance.now();
  const children = processes.map(({ argv, env, cwd }) =>
    spawn(argv[0], argv.slice(1), { cwd, env: { ...process.env, ...env }, stdio: 'ignore', detached: true }),
  );
  const gone = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
  try {
    await Promise.all(
      processes.map(async ({ name, probe }) => {
        while (!(await isReady(probe))) {
          if (performance.now() - begin > patienceMs) throw new Error(`${name} is not ready`);
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      }),
    );
    return performance.now() - begin;
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(gone);
  }
}

export async function many() {
  return await withOwnState(async (env) => {
    const words = ['up', 'agg', '--engine', 'sim', '--replicas', `worker=${workers}`, '--detach'];
    const [ours, theirs, ratios] = [[], [], []];
    let plan;
    for (let i = 0; i < rounds; i++) {
      const { ms, code } = await timed(process.execPath, [cli, ...words], { env });
      const stop = await timed(process.execPath, [cli, 'down'], { env });
      if (code !== 0 || stop.code !== 0) throw new Error(`up ended with ${code}, down with ${stop.code}`);
      plan ??= planIn(env);
      const alone = await bare(plan);
      ours.push(ms);
      theirs.push(alone);
      ratios.push(ms / alone);
    }
    return {
      [`up agg with ${workers} workers, command to "is ready"`]: `${median(ours).toFixed(0)} ms`,
      [`the same processes bare, all ready`]: `${median(theirs).toFixed(0)} ms`,
      ratio: `${median(ratios).toFixed(2)} (worst ${Math.max(...ratios).toFixed(2)})`,
      goal: '≤ 1.30',
    };
  });
}
