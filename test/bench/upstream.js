// How much longer `dynamo up disagg --engine mocker` and its stop take than upstream's processes alone.
import { execFile } from 'node:child_process';
import { delimiter } from 'node:path';
import { promisify } from 'node:util';
import { cli, median, withOwnState } from './measure.js';
import { startByHand, stopByHand } from './upstream/by-hand.js';
import { upAndDown } from './upstream/ours.js';

const rounds = 5;
/** The first in DYNAMO_TEST_MOCKER, or the one that `up` finds. */
const [named] = (process.env.DYNAMO_TEST_MOCKER ?? '').split(delimiter);
const words = ['disagg', '--engine', 'mocker', ...(named ? ['--python', named] : [])];

export async function upstream() {
  const lack = await withOwnState(async (env) => await planned(env).then(() => undefined, whyNot));
  if (lack !== undefined) return { SKIPPED: lack };
  const [hands, ours] = [[], []];
  // The first of each pair warms the file cache and does not count.
  for (let round = 0; round <= rounds; round++) {
    const [hand, our] = [await byHand(), await byUs()];
    if (round === 0) continue;
    hands.push(hand);
    ours.push(our);
  }
  const handUps = hands.map(({ ms }) => ms);
  const added = ours.map(
    ({ beforeMs, provingMs }) => beforeMs + provingMs - median(hands.map((hand) => hand.provingMs)),
  );
  const beyond = ours.map(({ stop, own }) => stop - Math.max(...own.flat()));
  return {
    environment: (await withOwnState(planned)).choices.find(({ what }) => what === 'python')?.because,
    'by hand, from the first process to an answer of every role': said(handUps),
    'dynamo up, from the command to "is ready"': said(ours.map(({ up }) => up)),
    'the second less the first': `${(median(ours.map(({ up }) => up)) - median(handUps)).toFixed(0)} ms; goal: < 150 ms`,
    'what we add within one run: before the first process, and after the last is ready (less the same by hand)': `${said(added)}; goal: < 150 ms`,
    'of it before the first process': said(ours.map(({ beforeMs }) => beforeMs)),
    'of it after the last is ready': said(ours.map(({ provingMs }) => provingMs)),
    'the same by hand': said(hands.map(({ provingMs }) => provingMs)),
    'stop by hand, in waves': said(hands.map(({ waves }) => inTurn(waves))),
    'dynamo up, from SIGTERM to its end': said(ours.map(({ stop }) => stop)),
    'of it beyond the slowest process of the same run': `${said(beyond)}; goal: ≤ 300 ms`,
  };
}

async function byHand() {
  return await withOwnState(async (env) => {
    const plan = await planned(env);
    const deployment = await startByHand(plan);
    return { ...deployment, waves: await stopByHand(plan, deployment) };
  });
}

async function byUs() {
  return await withOwnState(async (env, folder) => await upAndDown(words, await planned(env), env, folder));
}

/** A plan with free ports. */
async function planned(env) {
  const { stdout } = await promisify(execFile)(process.execPath, [cli, 'plan', ...words, '--json'], { env });
  return JSON.parse(stdout);
}

function whyNot({ stderr }) {
  return `no environment for the mocker (dynamo setup --engine mocker): ${String(stderr).trim().replaceAll('\n', ' ')}`;
}

const inTurn = (waves) => waves.reduce((sum, wave) => sum + Math.max(...wave), 0);

function said(list) {
  return `${median(list).toFixed(0)} ms (${list.map((ms) => ms.toFixed(0)).join(', ')})`;
}
