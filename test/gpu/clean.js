// `dynamo clean` on real GPUs: creates realistic orphans, and checks that they are ended and an unowned process is
// not.
//
//   node test/gpu/clean.js [--engine sim|sglang] [--profile NAME] [--only SCENARIO] [--suspend] [--package FOLDER] [--holder COMMAND] [-- arguments of `up`]
//
// Needs nvidia-smi, Python 3 and libcuda; no Node modules. FOLDER holds bin/, dist/ and launch-profiles/ (default: this
// repository, built). With --engine sim the worker is the embedded engine with CUDA processes as its children, so it
// takes seconds and no SGLang; with sglang it is SGLang itself, killed 0.2 s and 3 s after its children were spawned.
// --suspend stops orphans (SIGSTOP) once they hold memory, because a small model is loaded before `doctor` can look.
// COMMAND takes MIB and DELAY_S in place of `python3 holder.py`. Recordings go to $OUT/clean, or ./clean-recordings.
// Ends with 0 when every check holds. Only processes that it started, or `dynamo` proves, are ever ended.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { argumentsOf, listedMiB, open, processes, smi, waitFor } from './harness.js';

const here = dirname(fileURLToPath(import.meta.url));
// Orphans are adopted by this process, as by `systemd --user` or a container's shim. A diffusion scheduler that finds PID 1 for its
// parent ends itself.
const adopt =
  'import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])';
if (process.env.ADOPTS_ORPHANS === undefined) {
  const env = { ...process.env, ADOPTS_ORPHANS: '1' };
  const again = ['-c', adopt, process.execPath, ...process.argv.slice(1)];
  process.exit(spawnSync('python3', again, { stdio: 'inherit', env }).status ?? 1);
}
const { values, positionals: upArguments } = argumentsOf({
  engine: { type: 'string', default: 'sim' },
  // One with a process named worker.
  profile: { type: 'string', default: 'agg' },
  suspend: { type: 'boolean', default: false },
  holder: { type: 'string', default: `python3 ${join(here, 'holder.py')}` },
});
const lab = open('clean', values);
const { check, dynamo, environment, record, say, usedMiB } = lab;

const started = [];
const childrenOfWorker = ['diffusion', 'video'].includes(values.profile) ? 2 : 3;
process.on('exit', () => started.forEach(end));

const isLiving = (pid) => processes().some((each) => each.pid === pid);

async function until(what, look, seconds = 60) {
  const seen = await waitFor(look, seconds, 20);
  if (!seen) throw new Error(`waited ${seconds} s for ${what}`);
  return seen;
}

const memoryOf = (pids) => listedMiB((pid) => pids.includes(pid));

function holdGpu(mib, seconds) {
  const child = spawn('/bin/sh', ['-c', `exec ${values.holder} ${mib} ${seconds}`], {
    detached: true,
    stdio: 'ignore',
  });
  started.push(child.pid);
  return child.pid;
}

function end(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone
  }
}

/** The record of the only run in this state folder. */
function run() {
  const runs = join(environment.XDG_STATE_HOME, 'dynamo', 'runs');
  for (const runId of readdirSync(runs)) {
    try {
      const folder = join(runs, runId);
      const { supervisor, endedAt } = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8'));
      const keeper = JSON.parse(readFileSync(join(folder, 'keeper.json'), 'utf8'));
      if (endedAt !== undefined) continue;
      const ledger = readFileSync(join(folder, 'ledger.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((l) => JSON.parse(l));
      const worker = ledger.find((entry) => entry.process === 'worker' && 'session' in entry);
      if (worker !== undefined) return { runId, supervisor, keeper, worker };
    } catch {
      // not written yet
    }
  }
  return undefined;
}

function upWords(childrenDelay) {
  const all = ['up', values.profile, '--detach', '--engine', values.engine, ...upArguments];
  if (values.engine !== 'sim') return all;
  const children = [`${values.holder} 8192 ${childrenDelay} &`, `${values.holder} 0 0 &`, 'sleep 3600 &'];
  return [
    ...all,
    `--env=NODE_OPTIONS=--require=${join(here, '../fakes/with-children.cjs')}`,
    '--env=CHILDREN_OF=worker',
    `--env=CHILDREN=${children.join(' ')}`,
  ];
}

// SGLang spawns them with multiprocessing, after all imports of the main process: its scheduler, its resource tracker, and for a
// text model its detokenizer. During the imports, Triton may run a compiler.
const isChild = ({ command }) => values.engine === 'sim' || command.includes('multiprocessing');

/**
 * Kills supervisor, keeper and the worker's main process `afterS` seconds after its children were spawned: later, SGLang's children
 * end with their parent. Returns the pids of surviving processes.
 */
async function makeOrphans({ afterS, childrenDelay }) {
  const up = dynamo(...upWords(childrenDelay));
  const { supervisor, keeper, worker, runId } = await until('a worker', () => {
    try {
      return run();
    } catch {
      return undefined;
    }
  });
  const inSession = () =>
    processes().filter(({ session, pid }) => session === worker.session && pid !== worker.pid);
  await until('children of the worker', () => inSession().filter(isChild).length >= childrenOfWorker, 120);
  await delay(afterS * 1000);
  // Suspended first: it would start another keeper or worker.
  process.kill(supervisor.pid, 'SIGSTOP');
  process.kill(run().keeper.pid ?? keeper.pid, 'SIGKILL');
  process.kill(supervisor.pid, 'SIGKILL');
  end(worker.pid);
  await until('the three to be dead', () => ![supervisor.pid, worker.pid].some(isLiving));
  await up;
  const left = inSession().filter(isChild);
  record(`${runId}.orphans.json`, JSON.stringify(left, undefined, 2));
  return { runId, pids: left.map(({ pid }) => pid) };
}

async function scenario(name, { waitForMemory, ...how }) {
  if (values.only !== undefined && values.only !== name) return;
  say(`--- ${name}`);
  const { runId, pids } = await makeOrphans(how);
  say(`${runId} left ${pids.length} orphans: ${pids.join(', ')}`);
  check(pids.length >= childrenOfWorker - 1, 'there are orphans');
  if (waitForMemory) {
    await until('an orphan to take memory', () => memoryOf(pids) > (values.suspend ? 256 : 1024), 90);
    if (values.suspend) for (const pid of pids) process.kill(pid, 'SIGSTOP');
  }
  // In this order: an orphan that is still loading takes more meanwhile.
  const held = memoryOf(pids);
  const before = usedMiB();
  record(`${name}.compute-apps.csv`, smi('--query-compute-apps=gpu_uuid,pid,process_name,used_gpu_memory'));
  const seen = await dynamo('doctor', '--only', 'orphans-ours');
  record(`${name}.doctor.txt`, `${seen.stdout}${seen.stderr}code ${seen.code}, ${seen.tookMs} ms\n`);
  check(
    pids.some((pid) => seen.stdout.includes(` ${pid}`)) &&
      (!waitForMemory || seen.stdout.includes('of GPU memory')),
    `doctor finds them after ${seen.tookMs} ms`,
  );
  const dry = await dynamo('clean', '--dry-run');
  record(`${name}.dry-run.txt`, `${dry.stdout}${dry.stderr}code ${dry.code}, ${dry.tookMs} ms\n`);
  check(pids.filter(isLiving).length >= Math.min(2, pids.length), '--dry-run ended nothing');
  const cleaned = await dynamo('clean');
  record(
    `${name}.clean.txt`,
    `${cleaned.stdout}${cleaned.stderr}code ${cleaned.code}, ${cleaned.tookMs} ms\n`,
  );
  check(
    cleaned.code === 0,
    `clean ended with ${cleaned.code} after ${cleaned.tookMs} ms; ${cleaned.stderr.trim()}`,
  );
  check(!pids.some(isLiving), 'every orphan is gone');
  check(
    isLiving(unowned) && memoryOf([unowned]) === unownedMiB,
    'the unowned process lives, with its memory',
  );
  check(
    cleaned.stdout.includes(`dynamo clean --pid ${unowned}@`),
    'the unowned process is listed with its command',
  );
  const freed = before - usedMiB();
  check(freed >= held - 64, `${freed} MiB came back; nvidia-smi listed ${held} MiB of the orphans`);
  if (waitForMemory) check(/GPU memory: .* freed/.test(cleaned.stdout), 'clean says how much came back');
  const again = await dynamo('clean', '--json');
  check(JSON.parse(again.stdout).items.length === 0, 'nothing is left for another clean');
}

let [unowned, unownedMiB] = [0, 0];
try {
  record(
    'query-gpu.idle.csv',
    smi('--query-gpu=index,uuid,name,memory.total,memory.used,memory.free,driver_version'),
  );
  unowned = holdGpu(2048, 0);
  await until('the unowned process to hold memory', () => memoryOf([unowned]) >= 2048);
  unownedMiB = memoryOf([unowned]);
  for (const query of ['--query-gpu=index,uuid,memory.used', '--query-compute-apps=gpu_uuid,pid']) {
    const began = performance.now();
    smi(query);
    say(`nvidia-smi ${query}: ${Math.round(performance.now() - began)} ms`);
  }
  say(`an unowned process, pid ${unowned}, holds ${unownedMiB} MiB`);
  if (values.engine === 'sim') {
    await scenario('before-memory', { afterS: 0.2, childrenDelay: 3600, waitForMemory: false });
    await scenario('with-memory', { afterS: 0.2, childrenDelay: 1, waitForMemory: true });
  } else {
    await scenario('after-0.2-s', { afterS: 0.2, waitForMemory: false });
    await scenario('after-3-s', { afterS: 3, waitForMemory: false });
    await scenario('with-memory', { afterS: 0.2, waitForMemory: true });
  }
  const orphaned = await makeOrphans({ afterS: 0.2, childrenDelay: 1 });
  const up = await dynamo('up', values.profile, '--detach', '--engine', values.engine, ...upArguments);
  record('up-after-orphans.txt', up.stdout + up.stderr);
  check(up.code === 0, `up after that works: ${up.code === 0 ? `${up.tookMs} ms` : up.stderr.trim()}`);
  check(!orphaned.pids.some(isLiving), 'and has ended the orphans first');
  check((await dynamo('down')).code === 0, 'down ends it');
  const [{ startTime }] = JSON.parse((await dynamo('clean', '--json', '--dry-run')).stdout)
    .leftAlone.filter(({ what }) => what.startsWith(`${unowned} (`))
    .map(({ command }) => ({ startTime: command.split('@')[1] }));
  check((await dynamo('clean', '--pid', `${unowned}@1`)).code === 77, 'another start time is refused');
  check(
    (await dynamo('clean', '--pid', `${unowned}@${startTime}`)).code === 0,
    'the unowned process can be ended by pid',
  );
  check(!isLiving(unowned), 'and is gone');
} catch (error) {
  check(false, error instanceof Error ? (error.stack ?? error.message) : String(error));
  record('processes.json', JSON.stringify(processes(), undefined, 2));
} finally {
  lab.keepLogs('');
  await dynamo('clean');
  for (const pid of started) end(pid);
  await lab.close();
  record('query-gpu.end.csv', smi('--query-gpu=index,memory.used'));
}
