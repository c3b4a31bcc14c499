/**
 * `clean` against processes that hide like SGLang's: renamed, without environment, outside their session. Needs perl,
 * python3, setpriv, script.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { keepers, leaders, send, supervisors } from '../../chaos/scene.ts';
import { packageFolder, startCommand, succeed } from '../../e2e/harness/cli.ts';
import { up } from '../../e2e/harness/deployment.ts';
import { type FakeGpus, fakeGpus } from '../../e2e/harness/gpus.ts';
import { until } from '../../support/until.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { isLiving } from '../../oracle/proc.ts';
import { mayRun } from '../../support/may-run.ts';

/** Only root can act as several users. */
const asRoot = test.runIf(mayRun(process.getuid?.() === 0));

const fakes = join(packageFolder, 'test', 'fakes');

/** The test environment has only the tools that `dynamo` may need. */
function tool(name: string): string {
  const folders = ['/usr/bin', '/bin', ...(process.env['PATH'] ?? '').split(':')];
  const found = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`these tests need ${name}`);
  return found;
}

function holder(gpus: FakeGpus, title: string, mib: number, delayMs: number, away = ''): string {
  return `${tool('perl')} ${fakes}/holder.pl '${title}' ${gpus.folder} 0 ${mib} ${delayMs} ${away}`;
}

async function pidOf(gpus: FakeGpus, title: string): Promise<number> {
  const file = join(gpus.folder, `${title.replaceAll(/\W+/g, '-')}.pid`);
  const pid = await until(
    `the pid of ${title}`,
    () => existsSync(file) && Number(readFileSync(file, 'utf8')),
  );
  onTestFinished(() => send(pid, 'SIGKILL'));
  return pid;
}

/** A run whose worker has the children of an SGLang worker; then worker, supervisor and keeper are killed. */
async function orphans(world: World, gpus: FakeGpus, delayMs: number, more = ''): Promise<number[]> {
  const titles = ['sglang::scheduler', 'sglang::detokenizer', 'resource_tracker'];
  const [scheduler = '', detokenizer = '', tracker = ''] = titles;
  const children = [
    `${holder(gpus, scheduler, 8_192, delayMs)} &`,
    `${holder(gpus, detokenizer, 0, 0, 'away')} &`,
    `${holder(gpus, tracker, 0, 0)} &`,
    more,
  ];
  await up(world, 'agg', [
    '--env',
    `NODE_OPTIONS=--require=${fakes}/with-children.cjs`,
    '--env',
    'CHILDREN_OF=worker',
    '--env',
    `CHILDREN=${children.join(' ')}`,
  ]);
  const hidden = await Promise.all(titles.map(async (title) => await pidOf(gpus, title)));
  const main = leaders(world);
  for (const pid of supervisors(world)) send(pid, 'SIGSTOP');
  for (const { pid } of keepers(world)) send(pid, 'SIGKILL');
  for (const pid of [...supervisors(world), ...main]) send(pid, 'SIGKILL');
  await until(
    'all but the children to be gone',
    () => !main.some(isLiving) && supervisors(world).length === 0,
  );
  return hidden;
}

/** Ended after the test. `words` is a command prefix, for example to switch users. */
async function decoy(world: World, gpus: FakeGpus, title: string, words = ''): Promise<number> {
  startCommand(world, ['/bin/sh', '-c', `exec ${words} ${holder(gpus, title, 2_658, 0)}`], {
    ownGroup: true,
  });
  const pid = await pidOf(gpus, title);
  await until('its memory to be taken', () => existsSync(join(gpus.folder, 'holders', `${pid}.json`)));
  return pid;
}

/** What follows looks for processes that are left. */
async function endDecoy(pid: number): Promise<void> {
  send(pid, 'SIGKILL');
  await until('the decoy to be gone', () => !isLiving(pid));
}

/** Shared memory that is removed after the test. */
function segment(name: string): string {
  const path = `/dev/shm/${name}${process.pid}`;
  writeFileSync(path, 'x'.repeat(8_192));
  onTestFinished(() => rmSync(path, { force: true }));
  return path;
}

test('renamed orphans outside their session are ended before they use GPU memory', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const hidden = await orphans(world, gpus, 3_600_000);
  const other = await decoy(world, gpus, 'sglang::scheduler_TP0');
  expect(hidden.filter((pid) => !isLiving(pid))).toEqual([]);
  const { stdout } = await succeed(world, ['clean']);
  expect(hidden.filter(isLiving)).toEqual([]);
  expect(isLiving(other)).toBe(true);
  expect(stdout).toMatch(new RegExp(`${other} \\(\\w+, sglang::scheduler_TP0, .*2\\.6 GiB on GPU 0\\)`));
  expect(stdout).not.toContain('came back');
  await endDecoy(other);
});

test('and after that, and their memory is freed', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const hidden = await orphans(world, gpus, 0);
  await until('memory to be taken', () => existsSync(join(gpus.folder, 'holders', `${hidden[0]}.json`)));
  const other = await decoy(world, gpus, 'sglang::scheduler_TP0');
  const { stdout } = await succeed(world, ['clean']);
  expect(hidden.filter(isLiving)).toEqual([]);
  expect(isLiving(other)).toBe(true);
  expect(stdout).toContain('GPU memory: 8.0 GiB freed');
  await endDecoy(other);
});

test('shared memory with a random name is removed with the orphan that uses it; other segments stay', async ({
  world,
}) => {
  const gpus = fakeGpus(world, 1);
  const [ours, theirs] = [segment('psm_ours'), segment('psm_theirs')];
  const user = (path: string, title: string): string =>
    `${tool('python3')} -c "import mmap,os,time; m=mmap.mmap(os.open('${path}',2),0); ` +
    `print(os.getpid(),file=open('${gpus.folder}/${title}.new','w')); ` +
    `os.rename('${gpus.folder}/${title}.new','${gpus.folder}/${title}.pid'); time.sleep(600)"`;
  startCommand(world, ['/bin/sh', '-c', `exec ${user(theirs, 'theirs')}`], { ownGroup: true });
  await orphans(world, gpus, 3_600_000, `${user(ours, 'ours')} &`);
  const [mine, other] = [await pidOf(gpus, 'ours'), await pidOf(gpus, 'theirs')];
  const { stdout } = await succeed(world, ['clean']);
  expect(stdout).toMatch(
    new RegExp(`remove +segment +${ours} .*only processes of the dead run \\S+ use it \\(${mine}\\)`),
  );
  expect([ours, theirs].map((path) => existsSync(path))).toEqual([false, true]);
  expect([mine, other].map(isLiving)).toEqual([false, true]);
  await endDecoy(other);
});

asRoot(
  'a process of another user is called so, and ended only when its pid is asked for',
  async ({ world }) => {
    const gpus = fakeGpus(world, 1);
    execFileSync('chmod', ['-R', 'a+rwX', world.root]);
    const words = `${tool('setpriv')} --reuid=65534 --regid=65534 --clear-groups`;
    const pid = await decoy(world, gpus, 'theirs', words);
    const { stdout } = await succeed(world, ['clean']);
    expect(stdout).toMatch(new RegExp(`${pid} \\(nobody, theirs,`));
    expect(isLiving(pid)).toBe(true);
    const asked = await succeed(world, ['clean', '--pid', String(pid)]);
    expect(asked.stdout).toContain('owned by ANOTHER USER, nobody');
    // It ignores SIGTERM: this was SIGKILL after the grace.
    expect(isLiving(pid)).toBe(false);
  },
);

test('on a terminal, all GPU processes are ended only after typed confirmation', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const pids = [await decoy(world, gpus, 'one'), await decoy(world, gpus, 'two')];
  const command = `${process.execPath} ${join(packageFolder, 'bin/dynamo.js')} clean --all-gpu-processes`;
  const answer = async (text: string) => {
    const words = [tool('script'), '--quiet', '--return', '--command', command, '/dev/null'];
    const session = startCommand(world, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    await session.until(/Type "end 2" to end all of them/);
    session.child.stdin?.write(text);
    const ended = await session.ended;
    return ended.code;
  };
  expect(await answer('yes\n')).toBe(77);
  expect(await answer('\u0004')).toBe(77);
  expect(pids.filter((pid) => !isLiving(pid))).toEqual([]);
  expect(await answer('end 2\n')).toBe(0);
  expect(pids.filter(isLiving)).toEqual([]);
});

asRoot(
  'without root the process of another user is told, with sudo, and can not be ended',
  async ({ world }) => {
    const gpus = fakeGpus(world, 1);
    const pid = await decoy(world, gpus, 'of-root');
    execFileSync('chown', ['-R', '65534:65534', world.root]);
    const asNobody = [tool('setpriv'), '--reuid=65534', '--regid=65534', '--clear-groups'];
    const clean = async (...flags: readonly string[]) =>
      await startCommand(world, [
        ...asNobody,
        process.execPath,
        join(packageFolder, 'bin/dynamo.js'),
        'clean',
        ...flags,
      ]).ended;
    expect((await clean()).stdout).toMatch(new RegExp(`sudo dynamo clean --pid ${pid}@\\d+`));
    const refused = await clean('--pid', String(pid));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('not allowed; use sudo');
    expect(isLiving(pid)).toBe(true);
    send(pid, 'SIGKILL');
    await until('it to be gone', () => !isLiving(pid));
  },
);
