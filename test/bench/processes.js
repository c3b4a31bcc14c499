// What /proc says about the processes of one launch. Shares no code with src.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

function read(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function executable(pid) {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return '';
  }
}

/** Zombies are dead. */
export function isAlive(pid) {
  const stat = read(`/proc/${pid}/stat`);
  const state = stat.slice(stat.lastIndexOf(')') + 2)[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

const everybody = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name));

/** A child always runs the copy of the program in the folder of its launch, whatever else it changes. */
export function childrenOf(folder) {
  return everybody()
    .filter((pid) => executable(pid).startsWith(`${folder}/`) && isAlive(pid))
    .map(Number);
}

/** The launcher and its helpers: by the mark in the environment, or as one of `known`. */
export function supervisionOf({ folder, mark, known }) {
  return everybody()
    .filter((pid) => !executable(pid).startsWith(`${folder}/`) && isAlive(pid) && Number(pid) !== process.pid)
    .filter(
      (pid) => known.includes(Number(pid)) || read(`/proc/${pid}/environ`).includes(`BENCH_MARK=${mark}`),
    )
    .map(Number);
}

/** In MiB: the memory that these processes would free together. */
export function memoryOf(pids) {
  const kibs = pids.map((pid) => Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0));
  return kibs.reduce((sum, each) => sum + each, 0) / 1024;
}

/** CPU time in milliseconds. From the scheduler, which counts nanoseconds: `stat` counts ticks of 10 ms. */
export function cpuOf(pids) {
  const times = pids.flatMap((pid) =>
    threadsOf(pid).map((thread) => Number(read(thread).split(' ')[0]) / 1e6),
  );
  return times.reduce((sum, each) => sum + each, 0);
}

function threadsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`);
  } catch {
    return [];
  }
}
