/**
 * Random sequences of kills, stops, restarts and concurrent commands. Whatever happens, `down --all` leaves nothing.
 * CHAOS_SEED replays a seed; CHAOS_SEQUENCES sets how many there are.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { test } from '../e2e/harness/world.ts';
import { livingProcesses } from '../oracle/proc.ts';
import { play } from './sequence.ts';

const replayed = process.env['CHAOS_SEED'];
const first = replayed === undefined ? Date.now() % 1_000_000_000 : Number(replayed);
const count = replayed === undefined ? Number(process.env['CHAOS_SEQUENCES'] ?? 40) : 1;

/** Looks like a process that people kill by name, but is unrelated. */
let bystander: ChildProcess;

beforeAll(() => {
  bystander = spawn('bash', ['-c', 'exec -a sglang::scheduler sleep 3600'], {
    stdio: 'ignore',
    detached: true,
  });
});

afterAll(() => {
  bystander.kill('SIGKILL');
});

describe.concurrent(`chaos, first seed ${first}`, () => {
  for (let seed = first; seed < first + count; seed++) {
    test(
      `nothing is left running and no other process is harmed: CHAOS_SEED=${seed}`,
      { timeout: 300_000 },
      async ({ world }) => {
        const { says, unknown } = await play(world, seed);
        expect(unknown, `leaders that no ledger knows after: ${says.join('; ')}`).toEqual([]);
        const innocent = livingProcesses().find(({ pid }) => pid === bystander.pid);
        expect(innocent?.command).toContain('sglang::scheduler');
      },
    );
  }
});
