// A pattern started by `dynamo up` and by a script such as upstream's, in turns on the same GPUs: time to the first answer, and from
// Ctrl-C until every process is gone and the memory of the GPUs is free again.
//
//   node test/gpu/against-scripts.js [--rounds 3] [--minutes 9] [--shared] -- PROFILE [options of `up`]
//
// The script does what upstream's launch scripts do (docs/upstream, launch_utils.sh of 1.4): all commands at once in the
// background, the frontend first, `kill 0` on exit, and an end as soon as one child ends. Its commands are those of
// `dynamo plan --json`, with the same ports, arguments and folder of compiled kernels, so that only the launcher differs. The
// first start of ours finds no compiled kernels and is said apart. No round begins that could end after --minutes. Prints one
// JSON object a start, then a summary. What a script leaves behind after two minutes is counted, and ended.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argumentsOf, chat, open, send, waitFor } from './harness.js';

const { values, positionals } = argumentsOf({
  rounds: { type: 'string', default: '3' },
  minutes: { type: 'string', default: '60' },
});
const lab = open('against-scripts', values);
const { usedMiB } = lab;
const dynamoJs = join(values.package, 'bin', 'dynamo.js');
const endBy = performance.now() + Number(values.minutes) * 60_000;
const leftAfterS = 120;

/** Living processes with this in their environment. */
function marked(mark) {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const state = stat.slice(stat.lastIndexOf(')') + 2)[0];
      return state !== 'Z' && state !== 'X' && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
    } catch {
      return false;
    }
  });
}

const quote = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/** As launch_utils.sh of 1.4 does it: `wait_any_exit`, and `kill 0` in the trap of each script. */
function scriptOf({ processes, scrubbed = [] }) {
  const commands = processes.map(({ cwd, env, argv }) => {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`);
    const command = `exec env ${variables.join(' ')} ${argv.map(quote).join(' ')}`;
    return `(${cwd === undefined ? '' : `cd ${quote(cwd)}; `}${command}) &`;
  });
  return [
    '#!/bin/bash',
    `unset ${scrubbed.join(' ')}`,
    "trap 'echo Cleaning up...; trap - TERM; kill 0; wait' EXIT",
    "trap 'exit 0' TERM INT",
    ...commands,
    'wait -n',
    '',
  ].join('\n');
}

async function planned() {
  const { stdout, stderr, code } = await lab.dynamo('plan', '--json', ...positionals);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const arms = {
  async ours() {
    const { http, model } = await planned();
    return { argv: [process.execPath, dynamoJs, 'up', ...positionals], http, model };
  },
  async script() {
    const plan = await planned();
    for (const { cwd, env } of plan.processes)
      for (const each of [cwd, env.TMPDIR, env.DYN_FILE_KV]) if (each) mkdirSync(each, { recursive: true });
    if (plan.modelLink !== undefined) {
      mkdirSync(dirname(plan.modelLink.path), { recursive: true });
      try {
        symlinkSync(plan.modelLink.target, plan.modelLink.path);
      } catch {
        // from the last round
      }
    }
    const file = join(lab.recordings, 'script.sh');
    writeFileSync(file, scriptOf(plan));
    return { argv: ['/bin/bash', file], http: plan.http, model: plan.model };
  },
};

let count = 0;
async function start(who) {
  const { argv, http, model } = await arms[who]();
  const mark = `AGAINST_SCRIPTS=${process.pid}-${++count}`;
  const log = openSync(join(lab.recordings, `${count}.${who}.log`), 'w');
  const before = usedMiB();
  const began = performance.now();
  const child = spawn(argv[0], argv.slice(1), {
    env: { ...lab.environment, AGAINST_SCRIPTS: `${process.pid}-${count}` },
    stdio: ['ignore', log, log],
    detached: true,
  });
  let isOver = false;
  child.on('close', (code) => {
    isOver = true;
    if (!asked) lab.check(false, `${who} ended with ${code} before it was asked to`);
  });
  let asked;
  const [path, body] = chat('Hello!', 4);
  const request = [path, { ...body, model: model.servedName }];
  const answered = await waitFor(
    async () => isOver || (await send(`http://127.0.0.1:${http.port}`, request, 120)).status === 200,
    280,
    100,
  );
  const seconds = (performance.now() - began) / 1000;
  lab.check(answered && !isOver, `${who} answered after ${seconds.toFixed(1)} s`);
  const used = usedMiB() - before;
  asked = performance.now();
  // As a terminal does it on Ctrl-C.
  try {
    process.kill(-Number(child.pid), 'SIGINT');
  } catch {
    // It has ended.
  }
  const gone = await waitFor(
    () => isOver && marked(mark).length === 0 && usedMiB() <= before + 16,
    leftAfterS,
    100,
  );
  const result = {
    who,
    answered: Number(seconds.toFixed(2)),
    freed: Number(((performance.now() - asked) / 1000).toFixed(2)),
    used,
  };
  if (!gone) {
    const left = marked(mark);
    result.freed = null;
    result.left = left.length;
    result.leftMiB = usedMiB() - before;
    for (const pid of left) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // gone
      }
    }
  }
  if (child.exitCode !== null) result.code = child.exitCode;
  lab.say(JSON.stringify(result));
  return result;
}

function middle(list) {
  const sorted = list.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

const text = (list) =>
  list.length === 0
    ? 'none'
    : `${middle(list).toFixed(1)} s (${list.map((each) => each.toFixed(1)).join(', ')})`;

try {
  const first = await start('ours');
  const taken = { ours: [], script: [] };
  let longest = first.answered + (first.freed ?? leftAfterS);
  for (let round = 0; round < Number(values.rounds); round++) {
    if (performance.now() + 2 * longest * 1000 > endBy) break;
    const order = round % 2 === 0 ? ['script', 'ours'] : ['ours', 'script'];
    const began = performance.now();
    for (const who of order) taken[who].push(await start(who));
    longest = (performance.now() - began) / 2000;
  }
  lab.say(`first of ours: ${first.answered} s to the first answer`);
  for (const [field, what] of [
    ['answered', 'to the first answer'],
    ['freed', 'from Ctrl-C to free memory'],
  ]) {
    const of = (who) => taken[who].map((each) => each[field]).filter((each) => each !== null);
    const ratios = taken.ours
      .map((each, round) => each[field] / taken.script[round][field])
      .filter((each) => Number.isFinite(each));
    lab.say(
      `${what}: ours ${text(of('ours'))}, script ${text(of('script'))}; ratios ${ratios.map((each) => each.toFixed(2)).join(', ')}`,
    );
  }
} catch (error) {
  lab.check(false, String(error?.stack ?? error));
} finally {
  await lab.close();
}
