/** A dead run's claim is released while another process takes it over: at every step, the other's claim is kept. */
import { execFileSync } from 'node:child_process';
import type * as fs from 'node:fs';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { readClaim, unclaim } from '../../../src/run/claim.ts';
import { bundledScript } from '../../support/bundled-script.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** `before` is called before each access to a file while it is set. */
const { step, stepped } = vi.hoisted(() => {
  const current: { before: (() => void) | undefined } = { before: undefined };
  return {
    step: current,
    stepped:
      <A extends unknown[], R>(call: (...words: A) => R) =>
      (...words: A): R => {
        current.before?.();
        return call(...words);
      },
  };
});

vi.mock('node:fs', async (load) => {
  const real = await load<typeof fs>();
  return {
    ...real,
    linkSync: stepped(real.linkSync),
    readFileSync: stepped(real.readFileSync),
    renameSync: stepped(real.renameSync),
    rmSync: stepped(real.rmSync),
    writeFileSync: stepped(real.writeFileSync),
  };
});

const [us, rival, dead] = [1, 2, 2 ** 22 + 7];
const of = (pid: number) => ({ runId: 'run-a', holder: { bootId: 'this', pid, startTime: '1' } });

/** Releases the claim of a dead process, with a rival that claims it at the n-th step. */
function raceAt(nth: number, script: string): { came: boolean; won: boolean; file: string } {
  const file = join(tempFolder(), 'name');
  writeFileSync(file, JSON.stringify(of(dead)));
  let steps = 0;
  let said = '';
  step.before = () => {
    if (steps++ !== nth) return;
    step.before = undefined;
    said = execFileSync(process.execPath, [script, 'once', file, String(rival), String(us)], {
      encoding: 'utf8',
    });
  };
  unclaim(file, of(us), ({ pid }) => pid === us || pid === rival);
  step.before = undefined;
  return { came: said !== '', won: said === 'won', file };
}

test('a claim made in between is kept, at whatever moment', () => {
  const script = bundledScript('claimer');
  let wins = 0;
  let nth = 0;
  for (; ; nth++) {
    const { came, won, file } = raceAt(nth, script);
    if (!came) break;
    if (won) wins++;
    expect(won ? readClaim(file)?.holder.pid : existsSync(file), `step ${nth}`).toBe(won ? rival : false);
    expect(readdirSync(dirname(file)), `step ${nth}`).toEqual(won ? ['name'] : []);
  }
  // At least before we read it, and after we removed it.
  expect(nth).toBeGreaterThan(3);
  expect(wins).toBeGreaterThan(1);
});
