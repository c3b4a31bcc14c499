// What `dynamo up disagg --engine mocker` takes beyond what upstream's own processes need at least, and its stop likewise.
import { spawn } from 'node:child_process';
import { delimiter } from 'node:path';
import { median, cli, withOwnState } from './measure.js';
import { now } from './launched.js';
import { startByHand, stopByHand } from './upstream/by-hand.js';

const rounds = 5;
/** The one that was set up, or the first that DYNAMO_TEST_MOCKER names. */
const [named] = (process.env.DYNAMO_TEST_MOCKER ?? '').split(delimiter);
const what = ['disagg', '--engine', 'mocker', ...(named ? ['--python', named] : [])];

export async function upstream() {
  const firstPlan = await withOwnState(async (env) => await planned(env, 'up-0'));
  if (typeof firstPlan === 'string')
    return { SKIPPED: `there is no environment for the mocker (dynamo setup --engine mocker): ${firstPlan}` };
  const times = { byHand: [], ours: [], slowest: [], stop: [] };
  // The first of both reads gigabytes from the disk for those that come after, and does not count.
  for (let round = 0; round <= rounds; round++) {
    const hand = await byHand(round);
    const ours = await byUs(round);
    if (round === 0) continue;
    times.byHand.push(hand.up);
    times.slowest.push(Math.max(...hand.stop));
    times.ours.push(ours.up);
    times.stop.push(ours.stop);
  }
  return {
    what: firstPlan.choices.find((choice) => choice.what === 'python')?.because.split(':')[0],
    'first process to every role has answered, by hand': said(times.byHand),
    'dynamo up, from the command to "is ready"': said(times.ours),
    overhead: `${difference(times.ours, times.byHand)}; goal: < 150 ms`,
    'the slowest process after its SIGTERM, by hand': said(times.slowest),
    'dynamo up, from SIGTERM to its end': said(times.stop),
    'stop beyond the slowest': `${difference(times.stop, times.slowest)}; goal: ≤ 300 ms`,
  };
}

function said(list) {
  return `${median(list).toFixed(0)} ms (${list.map((ms) => ms.toFixed(0)).join(', ')})`;
}

function difference(some, others) {
  return `${(median(some) - median(others)).toFixed(0)} ms`;
}

async function byHand(round) {
  return await withOwnState(async (env) => {
    const plan = await planned(env, `hand-${round}`);
    const deployment = await startByHand(plan);
    return { up: deployment.ms, stop: await stopByHand(plan, deployment) };
  });
}

async function byUs(round) {
  return await withOwnState(async (env) => {
    const beganAt = now();
    const running = spawn(process.execPath, [cli, 'up', ...what, '--name', `ours-${round}`], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const readyAt = new Promise((resolve, reject) => {
      const hear = (part) => {
        output += part;
        if (/is ready after/.test(output)) resolve(now());
      };
      running.stdout.setEncoding('utf8').on('data', hear);
      running.stderr.setEncoding('utf8').on('data', hear);
      running.once('exit', (code) => reject(new Error(`up ended with ${code}:\n${output}`)));
    });
    const up = (await readyAt) - beganAt;
    const gone = new Promise((resolve) => running.once('exit', () => resolve(now())));
    const askedAt = now();
    running.kill('SIGTERM');
    return { up, stop: (await gone) - askedAt };
  });
}

/** A plan of ports that are free, or in words why there is none. */
async function planned(env, name) {
  const asked = spawn(process.execPath, [cli, 'plan', ...what, '--name', name, '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, errors] = ['', ''];
  asked.stdout.setEncoding('utf8').on('data', (part) => (out += part));
  asked.stderr.setEncoding('utf8').on('data', (part) => (errors += part));
  const code = await new Promise((resolve) => asked.once('close', resolve));
  return code === 0 ? JSON.parse(out) : errors.trim().split('\n').join(' ');
}
