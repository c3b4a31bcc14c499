/** Cases always end with a result: they pass, fail, do not finish, hang, or lose the deployment. */
import { expect, test } from 'vitest';
import type { Target } from '../../../src/smoke/target.ts';
import type { SmokeCase } from '../../../src/smoke/client.ts';
import { leaveOpen, wrong } from '../../../src/smoke/result.ts';
import { runCases } from '../../../src/smoke/run-cases.ts';

const target: Target = {
  url: 'http://127.0.0.1:1',
  model: 'm',
  proof: { request: 'chat', maxTokens: 16 },
  kvRouter: false,
  needsImage: false,
  workers: [],
  ours: true,
};

function named(name: string, run: () => Promise<string>): SmokeCase {
  return { name, fits: () => true, run };
}

const passes = named('passes', async () => 'seen');
const fails = named('fails', async () => wrong('not so'));
const hangs = named('hangs', async () => await new Promise(() => {}));

async function states(cases: readonly SmokeCase[], more: { failFast?: boolean; signal?: AbortSignal } = {}) {
  const results = await runCases(cases, target, {
    caseTimeoutMs: 20,
    failFast: more.failFast ?? false,
    signal: more.signal ?? new AbortController().signal,
    onResult: () => {},
  });
  return results.map(({ name, state, text }) => [name, state, text]);
}

test('distinguishes passed, wrong, broken and unfinished cases, and continues', async () => {
  const breaks = named('breaks', async () => await Promise.reject(new TypeError('oops')));
  const open = named('open', async () => leaveOpen('cannot be seen here'));
  expect(await states([passes, fails, breaks, open, passes])).toEqual([
    ['passes', 'passed', 'seen'],
    ['fails', 'failed', 'not so'],
    ['breaks', 'failed', 'oops'],
    ['open', 'skipped', 'cannot be seen here'],
    ['passes', 'passed', 'seen'],
  ]);
});

test('a hung case fails after its time, and nothing more is tried', async () => {
  expect(await states([hangs, passes])).toEqual([
    ['hangs', 'failed', 'not finished within 0.02 s'],
    ['passes', 'skipped', 'not run: hangs hung'],
  ]);
});

test('with failFast the first failure ends it', async () => {
  expect(await states([passes, fails, passes], { failFast: true })).toEqual([
    ['passes', 'passed', 'seen'],
    ['fails', 'failed', 'not so'],
    ['passes', 'skipped', 'not run: fails failed'],
  ]);
});

test('a dead deployment fails the current case with the reason, and nothing more is tried', async () => {
  const lost = new AbortController();
  const loses = named('loses', async () => {
    lost.abort(new Error('the deployment was lost'));
    return await new Promise(() => {});
  });
  expect(await states([loses, passes], { signal: lost.signal })).toEqual([
    ['loses', 'failed', 'the deployment was lost'],
    ['passes', 'skipped', 'not run: the deployment was lost'],
  ]);
});
