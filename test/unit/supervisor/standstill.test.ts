/** Workers that stand still, in virtual time: who is asked, who is to blame, and what follows. */
import { beforeAll, expect, test } from 'vitest';
import type { Asked, VitalChild, WorkProber, WorkSigns } from '../../../src/supervisor/contracts.ts';
import type { ProcessSpec } from '../../../src/plan/plan.ts';
import type { Profile } from '../../../src/profile/profile.ts';
import { disaggregated, fakePlan, frontend, profileOf, worker } from '../../support/profile.ts';
import { type FakeWorld, fakeWorld, supervised } from '../../support/fake-world.ts';

// Loaded late by the supervisor, and not in virtual time.
beforeAll(async () => void (await import('../../../src/supervisor/standstill.ts')));

const healthy = { readyMs: 0 };
const busy: WorkSigns = { inFlight: 2, waiting: 0, work: 'a', hasAnswered: true };

interface Script {
  readonly signs: (name: string, now: number) => WorkSigns | undefined;
  readonly asked?: (name: string) => Asked;
  readonly compilesUntil?: number;
  readonly vital?: (name: string, now: number) => VitalChild[];
}

/** Settles when the world has run for `ms`. */
async function run(profile: Profile, script: Script, ms: number) {
  const names = Object.keys(profile.components).flatMap((name) => [name, `${name}-1`, `${name}-2`]);
  const world = fakeWorld({ processes: Object.fromEntries(names.map((name) => [name, healthy])) });
  const askedAt: [string, number][] = [];
  const prober: WorkProber = {
    signs: async (specs) => {
      const all = specs.flatMap(({ name }): [string, WorkSigns][] => {
        const signs = script.signs(name, world.clock.now());
        return signs === undefined ? [] : [[name, signs]];
      });
      return all.length === 0 ? undefined : new Map(all);
    },
    compiles: () => world.clock.now() < (script.compilesUntil ?? 0),
    ask: async ({ name }, timeoutMs, signal) => {
      askedAt.push([name, world.clock.now()]);
      await world.clock.sleep(timeoutMs, signal).catch(() => {});
      return script.asked?.(name) ?? { found: 'silent', ms: timeoutMs };
    },
  };
  const launcher: FakeWorld['launcher'] = {
    launch: async (spec: ProcessSpec, watch) => ({
      ...(await world.launcher.launch(spec, watch)),
      vitalChildren: () => script.vital?.(spec.name, world.clock.now()) ?? [],
    }),
  };
  const supervision = supervised(fakePlan(profile), { ...world, launcher, work: async () => prober });
  // Modules are loaded outside virtual time.
  for (let at = 0; at < ms; at += 1_000) {
    await world.clock.advance(1_000);
    await new Promise(setImmediate);
  }
  const unhealthy = world.events.flatMap((event) => (event.type === 'unhealthy' ? [event] : []));
  const notes = world.events.flatMap((event) => (event.type === 'note' ? [event.text] : []));
  supervision.stop();
  await world.clock.advance(60_000);
  await supervision.done;
  return { askedAt, unhealthy, notes, world };
}

const alone = profileOf({ components: { frontend, worker: worker('aggregated', { restart: 'always' }) } });
const scheduler = (more: Partial<VitalChild> = {}): VitalChild => ({
  name: 'sglang::scheduler',
  pid: 7,
  suspended: false,
  cpuMs: 0,
  ...more,
});

test('a silent worker is given up within a minute, with what was seen, and restarted', async () => {
  const { unhealthy, world } = await run(alone, { signs: () => busy }, 61_000);
  expect(unhealthy[0]).toMatchObject({
    process: 'worker',
    standstill: { inFlight: 2, askedMs: 15_000 },
    seen: expect.stringMatching(
      /^has 2 requests in flight, but has shown no token and no other sign of work for 3\d s, and did not answer a request of ours within 15 s$/,
    ),
  });
  const launches = world.notes.filter((note) => note.what === 'launched' && note.process === 'worker');
  expect(launches.length).toBe(2);
});

test('one that answers our request is left alone, and asked later and later', async () => {
  let works = 0;
  const script: Script = {
    signs: () => ({ ...busy, work: String(works) }),
    asked: () => {
      works++;
      return { found: 'works' };
    },
  };
  const { unhealthy, askedAt } = await run(alone, script, 600_000);
  expect(unhealthy).toEqual([]);
  expect(askedAt.length).toBeGreaterThan(1);
  expect(askedAt.length).toBeLessThan(6);
});

test('one that cannot be reached is reported once, and not restarted', async () => {
  const script: Script = { signs: () => busy, asked: () => ({ found: 'not-reached', seen: 'HTTP 503' }) };
  const { unhealthy, notes } = await run(alone, script, 200_000);
  expect(unhealthy).toEqual([]);
  expect(notes).toEqual([
    expect.stringMatching(
      /^worker has 2 requests in flight, .* no request could be sent to it .*: HTTP 503$/,
    ),
  ]);
});

test('while it compiles it is not asked', async () => {
  const { askedAt } = await run(alone, { signs: () => busy, compilesUntil: 100_000 }, 130_000);
  expect(askedAt[0]?.[1]).toBeGreaterThanOrEqual(100_000);
});

test('a worker that is not busy, or that shows work, is never asked', async () => {
  const idle = await run(alone, { signs: () => undefined }, 300_000);
  const working = await run(alone, { signs: (_, now) => ({ ...busy, work: String(now) }) }, 300_000);
  expect([idle.askedAt, working.askedAt]).toEqual([[], []]);
});

test('standstillSeconds: 0 turns it off', async () => {
  const off = profileOf({
    components: { frontend, worker: worker('aggregated', { liveness: { standstillSeconds: 0 } }) },
  });
  expect((await run(off, { signs: () => busy }, 200_000)).askedAt).toEqual([]);
});

test('a scheduler without processor time is named; one that computes is not', async () => {
  const hung = await run(
    alone,
    {
      signs: (_, now) => ({ ...busy, work: String(Math.min(now, 30_000)) }),
      vital: (_, now) => [scheduler({ cpuMs: Math.min(now, 30_000) })],
    },
    90_000,
  );
  expect(hung.unhealthy[0]?.seen).toMatch(/; its sglang::scheduler \(pid 7\) has used no processor time$/);
  const spinning = await run(
    alone,
    { signs: () => busy, vital: (_, now) => [scheduler({ cpuMs: now })] },
    60_000,
  );
  expect(spinning.unhealthy[0]?.seen).not.toContain('sglang::scheduler');
});

test('a suspended scheduler is found within a minute, also after a first answer that compiled for long', async () => {
  const cold: Script = { signs: () => ({ ...busy, expectedMs: 50_000 }) };
  expect((await run(alone, cold, 61_000)).unhealthy).toEqual([]);
  const suspended = await run(alone, { ...cold, vital: () => [scheduler({ suspended: true })] }, 61_000);
  expect(suspended.unhealthy[0]?.seen).toMatch(/; its sglang::scheduler \(pid 7\) is suspended$/);
});

test('a decode worker that waits for a suspended prefill worker is not to blame', async () => {
  const { unhealthy } = await run(
    disaggregated,
    {
      signs: (name) => (name === 'prefill' ? busy : { ...busy, waiting: name === 'decode-1' ? 2 : 0 }),
      asked: (name) => (name === 'prefill' ? { found: 'works' } : { found: 'silent', ms: 15_000 }),
      vital: (name) => [scheduler({ suspended: name === 'prefill' })],
    },
    55_000,
  );
  expect(unhealthy.map((event) => event.process)).toEqual(['prefill']);
  expect(unhealthy[0]?.seen).toMatch(/^decode-2 waits for it and has 2 requests in flight, .*is suspended$/);
});

test('one whose requests all wait for a busy worker of the other role is not asked', async () => {
  const { askedAt } = await run(
    disaggregated,
    { signs: (name, now) => (name === 'prefill' ? { ...busy, work: String(now) } : { ...busy, waiting: 2 }) },
    300_000,
  );
  expect(askedAt).toEqual([]);
  // If no prefill worker has requests, what it said is old.
  const stale = await run(
    disaggregated,
    { signs: (name) => ({ ...busy, ...(name === 'prefill' ? { inFlight: 0 } : { waiting: 2 }) }) },
    60_000,
  );
  expect(stale.unhealthy.map((event) => event.process)).toEqual(['decode-1', 'decode-2']);
});
