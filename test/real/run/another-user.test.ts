/** Two users on one host: neither blocks the other or enters the other's folders. Needs root and setpriv. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { type Ended, executable, startCommand } from '../../e2e/harness/cli.ts';
import { onSim, ps, up } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { mayRun } from '../../support/may-run.ts';

const [victim, attacker] = [54_321, 54_322];
const isRoot = process.getuid?.() === 0;
const shared = `/tmp/dynamo-${victim}`;

/** Runs a command as `uid`, who owns the test environment by default. */
async function as(
  world: World,
  uid: number,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const words = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  const argv = ['/usr/bin/setpriv', ...words, process.execPath, executable, ...args];
  return await startCommand(world, argv, { env }).ended;
}

function give(folder: string, uid: number): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    if (!lstatSync(path).isSymbolicLink()) chownSync(path, uid, uid);
  }
  chownSync(folder, uid, uid);
}

function forget(...paths: readonly string[]): void {
  const remove = (): void => paths.forEach((path) => rmSync(path, { recursive: true, force: true }));
  remove();
  onTestFinished(remove);
}

/** What the attacker created in /tmp before the victim. Returns a snapshot that must not change. */
const traps: Readonly<Record<string, (world: World) => () => unknown>> = {
  'a folder that anybody may write into': () => {
    mkdirSync(join(shared, 'dynamo'), { recursive: true });
    for (const folder of [join(shared, 'dynamo'), shared]) {
      chownSync(folder, attacker, attacker);
      chmodSync(folder, 0o777);
    }
    return () => [lstatSync(shared).mode, readdirSync(join(shared, 'dynamo'))];
  },
  "a folder of the attacker with a folder of the victim's own name in it": () => {
    mkdirSync(join(shared, 'dynamo'), { recursive: true });
    chownSync(shared, attacker, attacker);
    chownSync(join(shared, 'dynamo'), victim, victim);
    return () => readdirSync(join(shared, 'dynamo'));
  },
  "a link to the victim's home": ({ env }) => {
    symlinkSync(env['HOME'] ?? '', shared);
    return () => [lstatSync(env['HOME'] ?? '').mode, readdirSync(env['HOME'] ?? '')];
  },
  'a file': () => {
    writeFileSync(shared, 'x');
    chownSync(shared, attacker, attacker);
    return () => readFileSync(shared, 'utf8');
  },
};

for (const [what, trap] of Object.entries(traps)) {
  test.runIf(mayRun(isRoot))(`${what} in place of the runtime folder is not used`, async ({ world }) => {
    forget(shared);
    give(world.root, victim);
    const look = trap(world);
    const before = look();
    const env = { XDG_RUNTIME_DIR: '' };
    const begun = await as(world, victim, ['up', 'agg', '--detach', ...(await onSim())], env);
    expect(begun.code, begun.stderr).toBe(0);
    const [run] = readdirSync(join(world.state, 'dynamo', 'runs'));
    const record = readFileSync(join(world.state, 'dynamo', 'runs', run ?? '', 'run.json'), 'utf8');
    const { socket } = JSON.parse(record) as { socket: string };
    const folder = join(socket, '..');
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    expect(socket.startsWith(`${shared}/`)).toBe(false);
    expect(lstatSync(folder)).toMatchObject({ uid: victim });
    expect(lstatSync(folder).mode & 0o777).toBe(0o700);
    expect(look()).toEqual(before);
    const down = await as(world, victim, ['down'], env);
    expect(down.code, down.stderr).toBe(0);
    expect(existsSync(socket)).toBe(false);
  });
}

test.runIf(mayRun(isRoot))(
  'a runtime folder of root is not an obstacle, and not written to',
  async ({ world }) => {
    forget(shared);
    const env = { XDG_RUNTIME_DIR: join(world.root, 'foreign') };
    give(world.root, victim);
    mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 });
    const idle = await as(world, victim, ['ps'], env);
    expect(idle).toMatchObject({ code: 0 });
    const begun = await as(world, victim, ['up', 'agg', '--detach', ...(await onSim())], env);
    expect(begun.code, begun.stderr).toBe(0);
    expect((await as(world, victim, ['down'], env)).code).toBe(0);
    expect(readdirSync(env.XDG_RUNTIME_DIR)).toEqual([]);
  },
);

test.runIf(mayRun(isRoot))(
  'root with the HOME of a user can manage the run, and leaves no files of root',
  async ({ world }) => {
    forget(shared);
    give(world.root, victim);
    const begun = await as(world, victim, ['up', 'agg', '--detach', ...(await onSim())]);
    expect(begun.code, begun.stderr).toBe(0);
    expect(await ps(world)).toMatchObject([{ name: 'agg', state: 'ready', supervisor: 'answering' }]);
    const refused = await up(world, 'agg', ['--name', 'rooted']).then(
      () => 'started',
      (error: unknown) => String(error),
    );
    expect(refused).toContain(`belongs to user ${victim}`);
    const ended = await startCommand(world, [process.execPath, executable, 'down']).ended;
    expect(ended.code, ended.stderr).toBe(0);
    const state = join(world.state, 'dynamo');
    const owners = readdirSync(state, { recursive: true, encoding: 'utf8' }).map(
      (name) => lstatSync(join(state, name)).uid,
    );
    expect(new Set(owners)).toEqual(new Set([victim]));
    const again = await as(world, victim, ['up', 'agg', '--detach', ...(await onSim())]);
    expect(again.code, again.stderr).toBe(0);
    expect((await as(world, victim, ['down'])).code).toBe(0);
  },
);
