// Starts a launcher with its children in a separate folder, and ends everything.
import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { childProgram } from './child/build.js';
import { childrenOf, isAlive, supervisionOf } from './processes.js';
import { until } from './measure.js';

/** Anything that takes longer has hung, in milliseconds. */
const patienceMs = 20_000;
/** When everything runs, launchers may not yet have heard of it. */
const settleMs = 500;

/** Monotonic, in milliseconds: the clock of the children's time stamps. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;

let launches = 0;

/**
 * `spec`: count; flags: arguments of every child, or a function of its index; stopGraceMs; onCrash: 'stay', 'restart' or
 * 'teardown'; watchReady: true when the launcher shall ask for readiness; stdout: 'file' or 'stalled'.
 */
export async function launch(target, spec) {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  const program = join(folder, 'child');
  await copyFile(await childProgram(), program);
  const ports = await freePorts(spec.count);
  const eventsFile = join(folder, 'events');
  const children = ports.map((port, i) => {
    const flags = typeof spec.flags === 'function' ? spec.flags(i) : (spec.flags ?? []);
    return { name: `c${i}`, port, argv: [program, eventsFile, `c${i}`, '--port', String(port), ...flags] };
  });
  const plan = { stopGraceMs: 2_000, onCrash: 'stay', ...spec, folder, program, eventsFile, children };
  return await startIn(target, plan);
}

/** Also for starting the same again. */
export async function startIn(target, plan) {
  const { folder, eventsFile, children } = plan;
  const mark = `${process.pid}-${launches++}`;
  const { argv, env = {} } = await target.prepare(plan);
  const out = plan.stdout === 'stalled' ? await stalledPipe(folder) : openSync(join(folder, 'stdout'), 'a');
  const errors = openSync(join(folder, 'stderr'), 'a');
  const beganAt = now();
  const running = spawn(argv[0], argv.slice(1), {
    cwd: folder,
    env: { ...process.env, ...env, BENCH_MARK: mark },
    stdio: ['ignore', out, errors],
    detached: true,
  });
  closeSync(errors);
  // Kept open as a reader of the pipe that never reads.
  if (plan.stdout !== 'stalled') closeSync(out);
  const exited = new Promise((resolve) => {
    running.on('exit', () => resolve(now()));
    running.on('error', () => resolve(now()));
  });
  const launched = { target, plan, folder, mark, beganAt, running, exited, out };
  const pid = () => target.supervisorPid?.(plan) ?? running.pid;
  return {
    ...launched,
    events: () => readEvents(eventsFile),
    poke: (i, path) => poke(children[i].port, path),
    pid,
    supervision: () => supervisionOf({ folder, mark, known: [] }),
    living: () => childrenOf(folder),
    /** Waits until the launcher reports that everything is up, if it does. */
    settled: () => settled(launched),
    /** When it saw a child become ready, in milliseconds since the epoch; `undefined` until it reports. */
    times: () => readyTimes(launched),
    untilDead: () => until(() => (isAlive(pid()) ? undefined : true), patienceMs, `${target.name} to die`),
    stop: (limitMs) => stop(launched, limitMs),
    output: () => join(folder, target.outputFile ?? 'stdout'),
    cleanUp: () => cleanUp(launched),
  };
}

/** A real pipe, as from a shell; Node's are sockets, which cannot be opened by name. */
async function stalledPipe(folder) {
  const path = join(folder, 'stdout');
  await promisify(execFile)('mkfifo', [path]);
  return openSync(path, 'r+');
}

export function readEvents(file) {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // not started yet
  }
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [kind, name, pid, at, realMs] = line.split(' ');
      return { kind, name, pid: Number(pid), at: Number(at) / 1e6, realMs: Number(realMs) };
    });
}

/** Waits until there are this many events of a kind; returns the last. */
export async function untilEvents(launched, kind, count, limitMs = patienceMs) {
  const what = `${launched.target.name}: ${count} events ${kind}`;
  return await until(
    () => {
      const found = launched.events().filter((event) => event.kind === kind);
      return found.length >= count ? found[count - 1] : undefined;
    },
    limitMs,
    what,
  );
}

function readyTimes({ target, plan }) {
  try {
    return target.readyTimes?.(plan);
  } catch {
    return undefined;
  }
}

async function settled({ target, plan }) {
  const what = `${target.name} to be up`;
  if (target.isUp !== undefined) await until(() => (target.isUp(plan) ? true : undefined), patienceMs, what);
  await new Promise((resolve) => setTimeout(resolve, settleMs));
}

/**
 * Asks the launcher to stop, and waits until it and all children are gone. Returns how long that took, in
 * milliseconds, whether it hung, and how many children were left after it.
 */
async function stop({ target, plan, running, exited }, limitMs = patienceMs) {
  const askedAt = now();
  const gone = target.stop === undefined ? exited : target.stop(plan).then(now);
  if (target.stop === undefined) process.kill(running.pid, target.stopSignal ?? 'SIGTERM');
  const endedAt = await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, limitMs).unref())]);
  const left = childrenOf(plan.folder).length;
  return { ms: (endedAt ?? now()) - askedAt, hung: endedAt === undefined, left };
}

/** Kills by pid, only what was started here, and proves that nothing is left. */
async function cleanUp({ target, plan, folder, mark, running, out }) {
  const known = [running.pid].filter((pid) => pid !== undefined && isAlive(pid));
  const rest = () => [...supervisionOf({ folder, mark, known }), ...childrenOf(folder)];
  await until(
    () => {
      const living = rest();
      for (const pid of living) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // already gone
        }
      }
      return living.length === 0 ? true : undefined;
    },
    10_000,
    `what ${target.name} left behind to end`,
  );
  if (plan.stdout === 'stalled') closeSync(out);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

function poke(port, path) {
  return new Promise((resolve, reject) => {
    const call = get({ host: '127.0.0.1', port, path, agent: false, timeout: 5_000 }, (response) => {
      response.resume();
      response.on('end', resolve).on('error', resolve);
    });
    call.on('error', (error) => (error.code === 'ECONNRESET' ? resolve() : reject(error)));
  });
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve) => {
          const server = createServer();
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
