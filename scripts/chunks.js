// Which modules of the package share a file. Every file costs Node half a millisecond to load and every 100 KB four, so
// what is loaded together stands together, and no program loads much that it does not use.
import { resolve } from 'node:path';

/** The programs, by the name of their file in dist/. */
export const entries = {
  main: 'src/main.ts',
  up: 'src/up.ts',
  sim: 'src/sim/main.ts',
  library: 'src/library.ts',
};

const { main, up, sim, library } = entries;
/** Every command loads the first one; the others are all that some of them need. */
const aboutRuns = ['src/cli/run-verb.ts', 'src/cli/ps.ts', 'src/cli/logs.ts', 'src/cli/down.ts'];

/** The first group whose condition holds takes a module. `from`: whether a file imports it, directly or not, as it loads. */
const groups = [
  { name: 'base', holds: (from) => from(sim) && (from(up) || from(main)) },
  // What every command begins with.
  { name: 'start', holds: (from) => from(main) && from(up) },
  // `dynamo --help`, the table of commands, and what finds one in it: `up` has a program of its own. A group takes what its
  // modules import as well, so this one comes after what it shares with `up`.
  { name: 'commands', holds: (from) => from(main) },
  { name: 'runs', holds: (from) => from(up) && aboutRuns.some(from) },
  { name: 'deployment', holds: (from) => from(up) && from(library) },
  { name: 'up-only', holds: (from) => from(up) },
  { name: 'sim-only', holds: (from) => from(sim) },
];

/** Parts of single commands that are smaller than this join others. */
const smallBytes = 3_000;

/** Options of Rolldown's output, for one build. */
export function chunks() {
  const reached = new Map();
  const imports = (file, id, context) => {
    if (!reached.has(file)) reached.set(file, reachedFrom(resolve(file), context));
    return reached.get(file).has(id);
  };
  const taken = groups.map(({ name, holds }, index) => ({
    name: (id, context) => (!isEntry(id) && holds((file) => imports(file, id, context)) ? name : null),
    debugName: name,
    priority: groups.length - index,
  }));
  const rest = {
    name: (id) => (isEntry(id) ? null : 'part'),
    debugName: 'part',
    entriesAware: true,
    entriesAwareMergeThreshold: smallBytes,
    priority: 0,
  };
  return {
    codeSplitting: { groups: [...taken, rest] },
    chunkFileNames: ({ name }) => `${name.split('~')[0]}-[hash].js`,
  };
}

/** An entry awaits its whole run as it loads: nothing that is imported later may stand in its file, or wait for it. */
function isEntry(id) {
  return Object.values(entries).some((file) => resolve(file) === id);
}

/** A module and all that it imports, but not what it imports later. */
export function reachedFrom(start, context) {
  const seen = new Set([start]);
  for (const id of seen) for (const next of context.getModuleInfo(id)?.importedIds ?? []) seen.add(next);
  return seen;
}
