/** NVIDIA's planner changes a live run outside Kubernetes: load rises and falls, the planner dies, and nothing is left. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { ps, up } from '../../e2e/harness/deployment.ts';
import { steadyLoad } from '../../e2e/harness/steady-load.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { keysIn, startEtcd } from '../support/etcd.ts';
import { install, versions } from '../support/installed.ts';
import { plannerPython } from '../support/python.ts';
import { binaries } from '../support/server.ts';

const [etcdBinary = 'etcd'] = binaries('etcd');
const settings = [
  'intervalSeconds=2',
  'decodeScaleUpKvRate=0.5',
  'decodeScaleDownKvRate=0.1',
  'prefillScaleUpQueueTokens=1000000',
  'prefillScaleDownQueueTokens=0',
  'replicas.prefill.max=1',
  'replicas.decode.max=2',
];

const onMocker = (): string[] => ['--engine', 'mocker', '--python', plannerPython(), '--planner', 'load'];
const setting = (text: string): string[] => ['--set', `planner.${text}`];

async function workers(world: World): Promise<string[]> {
  const [run] = await ps(world);
  return (run?.processes ?? [])
    .filter(({ name, state }) => /^(prefill|decode|worker)/.test(name) && state === 'ready')
    .map(({ name }) => name);
}

interface Event {
  readonly type: string;
  readonly text?: string;
  readonly outcome?: string;
  readonly wants?: string;
  readonly why?: string;
}

function events({ state }: World, runId: string): Event[] {
  const lines = readFileSync(join(state, 'dynamo', 'runs', runId, 'events.jsonl'), 'utf8').trim();
  return lines.split('\n').map((line) => JSON.parse(line) as Event);
}

function decisions(world: World, runId: string): Event[] {
  return events(world, runId).filter(({ type }) => type === 'decision');
}

function notes(world: World, runId: string): string[] {
  return events(world, runId).flatMap(({ type, text }) => (type === 'note' ? (text ?? []) : []));
}

test(
  'load rises and decode workers are added, load falls and they go; a planner that died is heard again',
  { timeout: 400_000 },
  async ({ world }) => {
    const etcd = await startEtcd(etcdBinary);
    const running = await up(world, 'disagg', [...onMocker(), ...settings.flatMap(setting)], {
      env: etcd.env,
    });
    const pidOfPlanner = async () =>
      (await ps(world))[0]?.processes.find(({ name }) => name === 'planner')?.pid;
    const load = steadyLoad(running.url, running.model, 16, 800);
    const both = ['prefill', 'decode', 'decode-2'];
    await until('a second decode worker', async () => (await workers(world)).join() === both.join(), 180_000);
    await until(
      'the decision to be done',
      () => decisions(world, running.runId).at(-1)?.outcome === 'done',
      30_000,
    );
    expect(decisions(world, running.runId)).toMatchObject([
      {
        outcome: 'taken',
        wants: 'decode=2',
        why: expect.stringMatching(/^was decode=1; .*above scale-up threshold \(0\.005\).*util=0\.0/),
      },
      { outcome: 'done', wants: 'decode=2' },
    ]);

    const before = await pidOfPlanner();
    if (before === undefined) throw new Error('no planner');
    process.kill(before, 'SIGKILL');
    await until('another planner', async () => ![before, undefined].includes(await pidOfPlanner()), 60_000);
    await load.answers(20);
    const { sent, answered, failed } = await load.end();
    expect(failed).toEqual([]);
    expect(answered).toBe(sent);
    const one = ['prefill', 'decode'];
    await until('one decode worker', async () => (await workers(world)).join() === one.join(), 180_000);
    await until('its decision to be done', () => decisions(world, running.runId).length === 4, 30_000);
    expect(decisions(world, running.runId).slice(2)).toMatchObject([
      { outcome: 'taken', wants: 'decode=1', why: expect.stringMatching(/below scale-down threshold/) },
      { outcome: 'done', wants: 'decode=1' },
    ]);
    expect((await keysIn(etcd.url)).filter(({ key }) => key.includes('/planner/'))).not.toEqual([]);
    await succeed(world, ['down']);
    const told = await succeed(world, ['events', running.runId]);
    expect(told.stdout + told.stderr).toMatch(
      /the planner wants decode=2 \(was decode=1; .*\n(.*\n)*.*the planner has decode=2 after/,
    );
    expect(await keysIn(etcd.url)).toEqual([]);
  },
);

test(
  'aggregated workers that a person added go again, also once the planner waits for its own number',
  { timeout: 400_000 },
  async ({ world }) => {
    const [binary] = versions();
    if (binary !== undefined) install(world, binary);
    const { runId } = await up(world, 'agg', [
      ...onMocker(),
      ...['intervalSeconds=2', 'decodeScaleUpKvRate=50', 'decodeScaleDownKvRate=10'].flatMap(setting),
    ]);
    const untilOne = async (): Promise<void> => {
      await until('one worker', async () => (await workers(world)).join() === 'worker', 180_000);
    };
    await succeed(world, ['scale', 'worker=2']);
    await untilOne();
    expect(decisions(world, runId)[0]).toMatchObject({ outcome: 'taken', wants: 'worker=1' });
    await until('its decision to be done', () => decisions(world, runId).length === 2, 30_000);
    // Now it holds until it sees one worker again.
    await succeed(world, ['scale', 'worker=2']);
    await untilOne();
    expect(notes(world, runId)).toContain(
      'someone else changed the number of workers: the planner is restarted, and looks again',
    );
    await succeed(world, ['down']);
  },
);
