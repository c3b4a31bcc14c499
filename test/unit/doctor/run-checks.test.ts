/** How checks run: in parallel, each within its time, without secrets, and skipped ones are reported. */
import { expect, test } from 'vitest';
import { type Check, fail, type Finding, ok } from '../../../src/doctor/check.ts';
import { runChecks } from '../../../src/doctor/run-checks.ts';
import { checks } from '../../../src/doctor/table.ts';
import { doctorHost, type HostFacts, onGpus } from '../../support/doctor-host.ts';
import { disaggregated } from '../../support/profile.ts';
import { virtualClock } from '../../support/clocks.ts';

function check(look: () => Finding | Promise<Finding>, repair?: () => Promise<readonly string[]>): Check {
  return { id: 'D99', name: 'test', title: 'all is well', severity: 'fail', look, ...(repair && { repair }) };
}

const options = { timeoutMs: 5_000, repair: false };
const hostWith = (facts: HostFacts = {}) => doctorHost({ clock: virtualClock(), ...facts });

test('a check that throws or takes too long counts as not made and delays no other', async () => {
  const clock = virtualClock();
  const running = runChecks(
    [
      check(() => {
        throw new Error('EACCES: permission denied');
      }),
      check(async () => await new Promise<Finding>(() => {})),
      check(() => ok('fine')),
    ],
    hostWith({ clock }),
    options,
  );
  await clock.advance(5_000);
  expect((await running).map(({ status, evidence }) => [status, evidence])).toEqual([
    ['skip', 'EACCES: permission denied'],
    ['skip', 'it took longer than 5 s'],
    ['ok', 'fine'],
  ]);
  expect(clock.pending()).toBe(0);
});

test('no secret is shown, whether known by value or by shape', async () => {
  const environment = { MY_TOKEN: 'very-secret-value' };
  const told = fail('very-secret-value in http://user:pass@host:1/x', 'export HF_TOKEN=hf_abcdefghij', [
    'pid 1 (server --api-key abc123 --port 1)',
    'Authorization: Bearer abc.def',
  ]);
  const [report] = await runChecks([check(() => told)], hostWith({ environment }), options);
  expect(report).toMatchObject({
    evidence: '*** in http://***@host:1/x',
    fix: 'export HF_TOKEN=***',
    details: ['pid 1 (server --api-key *** --port 1)', 'Authorization: Bearer ***'],
  });
});

test('with --fix, problems are fixed and checked again; the rest is left alone', async () => {
  let isRepaired = false;
  const repairs = check(
    () => (isRepaired ? ok('well') : fail('ill', 'heal')),
    async () => {
      isRepaired = true;
      return ['healed it'];
    },
  );
  const well = check(
    () => ok('well'),
    async () => ['touched it'],
  );
  const reports = await runChecks([repairs, well], hostWith(), { ...options, repair: true });
  expect(reports).toMatchObject([
    { status: 'ok', fixed: ['healed it'] },
    { status: 'ok', fixed: [] },
  ]);
});

test('a failed fix is reported, and the problem stays', async () => {
  const cannot = check(
    () => fail('ill', 'heal'),
    async () => await Promise.reject(new Error('EPERM')),
  );
  const [report] = await runChecks([cannot], hostWith(), { ...options, repair: true });
  expect(report).toMatchObject({ status: 'fail', fixed: ['failed: EPERM'] });
});

test('without --fix nothing is changed', async () => {
  const never = check(
    () => fail('ill', 'heal'),
    async () => await Promise.reject(new Error('repaired')),
  );
  expect(await runChecks([never], hostWith(), options)).toMatchObject([{ status: 'fail', fixed: [] }]);
});

test('ids run from D01 to D37; names and titles are unique', () => {
  expect(checks.map(({ id }) => id)).toEqual(
    Array.from({ length: 37 }, (_, i) => `D${String(i + 1).padStart(2, '0')}`),
  );
  for (const key of ['name', 'title'] as const)
    expect(new Set(checks.map((each) => each[key])).size).toBe(37);
});

test('on a host without any facts, no check fails or throws', async () => {
  const reports = await Promise.all(checks.map(async (each) => await each.look(doctorHost())));
  expect(reports.filter(({ status }) => status === 'fail')).toEqual([]);
  for (const { status, fix } of reports) expect(fix !== undefined).toBe(status === 'warn');
});

test('without a valid plan, checks of the plan are skipped', async () => {
  const subject = { ...onGpus(disaggregated), plan: undefined };
  for (const name of ['bootstrap', 'nixl']) {
    const found = checks.find((each) => each.name === name);
    expect(await found?.look(doctorHost({ subject }))).toMatchObject({
      status: 'skip',
      evidence: 'there is no valid plan',
    });
  }
});
