/** An isolated environment for each test (home, state, temporary files, PATH), which must be empty afterwards. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { test as base } from 'vitest';
import { endLeftovers, leftovers, markVariable, type Scene } from '../../oracle/leftovers.ts';

export interface World extends Scene {
  readonly config: string;
  /** Working directory of commands. */
  readonly work: string;
  /** First in PATH, for stand-ins. */
  readonly bin: string;
  /** The complete environment of commands: nothing of the tests leaks in. */
  readonly env: Readonly<Record<string, string>>;
}

/** The tools that `dynamo` and its scripts may need, and nothing else, such as nvidia-smi of this host. */
const tools = ['sh', 'bash', 'env', 'sleep', 'setsid', 'mkdir', 'curl', 'grep', 'head', 'cat', 'seq', 'kill'];

/** `test` with a `world`. After each test, the oracle fails it with a list of leftovers, and removes them. */
export const test = base.extend<{ world: World }>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the names of the fixtures from the pattern
  world: async ({}, use) => {
    const world = createWorld();
    try {
      await use(world);
      const left = leftovers(world);
      if (left.length > 0) throw new Error(`left behind:\n${left.map(({ text }) => `  ${text}`).join('\n')}`);
    } finally {
      await endLeftovers(world);
      rmSync(world.root, { recursive: true, force: true });
    }
  },
});

/** Short paths: the kernel allows 107 bytes for that of a socket. */
export function createWorld(): World {
  const root = mkdtempSync('/tmp/e2e-');
  const at = (name: string): string => join(root, name);
  const world = {
    mark: randomUUID(),
    root,
    state: at('s'),
    runtime: at('r'),
    temporary: at('t'),
    config: at('c'),
    work: at('w'),
    bin: at('bin'),
  };
  const home = at('h');
  for (const folder of [
    home,
    world.state,
    world.runtime,
    world.temporary,
    world.config,
    world.work,
    world.bin,
  ]) {
    mkdirSync(folder, { mode: 0o700 });
  }
  symlinkSync(process.execPath, join(world.bin, 'node'));
  for (const tool of tools) {
    const found = ['/usr/bin', '/bin'].map((folder) => join(folder, tool)).find((file) => existsSync(file));
    if (found !== undefined) symlinkSync(found, join(world.bin, tool));
  }
  return {
    ...world,
    env: {
      [markVariable]: world.mark,
      HOME: home,
      PATH: world.bin,
      TMPDIR: world.temporary,
      XDG_STATE_HOME: world.state,
      XDG_CONFIG_HOME: world.config,
      XDG_RUNTIME_DIR: world.runtime,
      DYNAMO_PORTS: portsOfWorker(),
    },
  };
}

/** Parallel tests do not see each other's leases, so each vitest worker has its own ports. */
function portsOfWorker(): string {
  const worker = Number(process.env['VITEST_POOL_ID'] ?? 1) % 2;
  return worker === 0 ? '10000-20999' : '21000-31999';
}

/** Installs `text` as an executable on PATH. */
export function standIn(world: World, name: string, text: string): void {
  const file = join(world.bin, name);
  // There may be a link to the program of this machine, which must not be written through.
  rmSync(file, { force: true });
  writeFileSync(file, text, { mode: 0o755 });
}
