/** etcd in a tree: has its own liveness rule, is restarted, and does not count against the workers meanwhile. */
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { fakeWorld, supervised, type WorldScript } from '../../support/fake-world.ts';
import { frontend, host, options, profileOf, worker } from '../../support/profile.ts';

const profile = profileOf({ components: { frontend, worker: worker('aggregated') } });
const up = { readyMs: 0, stopMs: 1 };

/** etcd, a frontend and a worker; the host in each probe is the name of its process, for the fake prober. */
function withEtcd(): Plan {
  const infra = {
    binaries: { etcd: { path: '/usr/bin/etcd', version: '3.4.23' } },
    external: {},
    persistentFolder: '',
  };
  const plan = makePlan(profile, options({ infra: 'process' }), host({ infra }));
  const processes = plan.processes.map((spec) => ({
    ...spec,
    probe: { kind: 'http' as const, url: `http://${spec.name}/` },
  }));
  return { ...plan, processes };
}

function begin(script: WorldScript) {
  const world = fakeWorld({
    ...script,
    processes: { etcd: up, frontend: up, worker: up, ...script.processes },
  });
  const looks: { readonly what: string; readonly at: number }[] = [];
  const prober = {
    ...world.prober,
    check: async (probe: { url: string }): Promise<string | undefined> => {
      looks.push({ what: new URL(probe.url).hostname, at: world.clock.now() });
      return undefined;
    },
    missing: async (): Promise<[]> => {
      looks.push({ what: 'missing', at: world.clock.now() });
      return [];
    },
  };
  return { world, looks, prober, start: () => supervised(withEtcd(), { ...world, prober }) };
}

const onlyEtcdIsSilent = async ({ url }: { url: string }): Promise<string | undefined> =>
  url.includes('etcd') ? 'no answer within 1000 ms' : undefined;

const statesOf = ({ events }: ReturnType<typeof fakeWorld>, name: string): string[] =>
  events.flatMap((event) => (event.type === 'process' && event.process === name ? [event.state] : []));

test('nothing starts before etcd is ready, and etcd is stopped last', async () => {
  const { world, start } = begin({ processes: { etcd: { ...up, readyMs: 500 } } });
  const supervision = start();
  await world.clock.advance(499);
  expect(world.notes.filter(({ what }) => what === 'launch')).toEqual([{ what: 'launch', process: 'etcd' }]);
  await world.clock.advance(10);
  await supervision.ready;
  supervision.stop();
  await world.clock.advance(10);
  await supervision.done;
  const stops = world.notes.flatMap((note) => (note.what === 'stop' ? [note.process] : []));
  expect(stops).toEqual(['frontend', 'worker', 'etcd']);
});

test('workers are stopped when the frontend is idle, etcd only when all are gone', async () => {
  const frontendScript = { ...up, drainedMs: 20, stopMs: 300 };
  const { world, start } = begin({ processes: { frontend: frontendScript, worker: { ...up, stopMs: 100 } } });
  const supervision = start();
  await world.clock.advance(10);
  await supervision.ready;
  supervision.stop();
  const stopsAfter = async (ms: number): Promise<string[]> => {
    await world.clock.advance(ms);
    return world.notes.flatMap((note) => (note.what === 'stop' ? [note.process] : []));
  };
  expect(await stopsAfter(19)).toEqual(['frontend']);
  expect(await stopsAfter(1)).toEqual(['frontend', 'worker']);
  expect(await stopsAfter(279)).toEqual(['frontend', 'worker']);
  expect(await stopsAfter(1)).toEqual(['frontend', 'worker', 'etcd']);
  await world.clock.advance(10);
  expect(await supervision.done).toEqual({ killed: [], left: [] });
});

test('etcd is checked twice a second, other processes every five seconds', async () => {
  const { world, looks, start } = begin({});
  const supervision = start();
  await world.clock.advance(1);
  await supervision.ready;
  await world.clock.advance(10_000);
  const count = (what: string): number => looks.filter((look) => look.what === what).length;
  expect([count('etcd'), count('worker'), count('missing')]).toEqual([20, 2, 2]);
  supervision.stop();
  await world.clock.advance(10);
  await supervision.done;
});

test('an etcd that exits is restarted, also in the foreground, with a note about the consequences', async () => {
  const { world, start } = begin({ processes: { etcd: { ...up, exitMs: 2_000 } } });
  const supervision = start();
  await world.clock.advance(1);
  await supervision.ready;
  await world.clock.advance(2_200);
  expect(statesOf(world, 'etcd').slice(-5)).toEqual(['failed', 'backoff', 'starting', 'started', 'ready']);
  expect(statesOf(world, 'worker').at(-1)).toBe('ready');
  expect(world.events.filter(({ type }) => type === 'note')).toMatchObject([
    {
      text: expect.stringMatching(
        /^etcd exited with code 1: etcd is restarted with its data\. Dynamo workers/,
      ),
    },
  ]);
  supervision.stop();
  await world.clock.advance(10);
  await supervision.done;
});

test('while etcd is down, the frontend is not asked for its workers', async () => {
  const etcd = { ...up, laterReadyMs: 20_000, exitMs: 2_000 };
  const { world, looks, start } = begin({ processes: { etcd } });
  const supervision = start();
  await world.clock.advance(1);
  await supervision.ready;
  await world.clock.advance(18_000);
  expect(looks.filter(({ what }) => what === 'missing')).toEqual([]);
  expect(looks.filter(({ what }) => what === 'worker')).not.toEqual([]);
  supervision.stop();
  await world.clock.advance(10);
  await supervision.done;
});

test('a worker that exits while etcd hangs is reported with that cause', async () => {
  const { world, prober } = begin({
    processes: { etcd: { ...up, stopMs: 1e6 }, worker: { ...up, exitMs: 2_000 } },
  });
  const supervision = supervised(withEtcd(), { ...world, prober: { ...prober, check: onlyEtcdIsSilent } });
  await world.clock.advance(1);
  await supervision.ready;
  await world.clock.advance(1_600);
  expect(world.events).toContainEqual(expect.objectContaining({ type: 'unhealthy', process: 'etcd' }));
  await world.clock.advance(450);
  // A dead process gets half a second to exit, not its usual five.
  expect(world.notes).toContainEqual(
    expect.objectContaining({ what: 'stop', process: 'etcd', graceMs: 500 }),
  );
  await world.clock.advance(60_000);
  expect((await supervision.done).failure?.message).toBe('worker exited with code 1 while etcd was lost');
});
