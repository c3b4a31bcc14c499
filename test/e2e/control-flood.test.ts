/** Endless input from a client does not fill the supervisor's memory, and the run continues. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { succeed } from './harness/cli.ts';
import { ps, up } from './harness/deployment.ts';
import { test } from './harness/world.ts';

const mebibyte = 1024 * 1024;

test('600 MiB without a newline are cut off at the limit', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const [run] = await ps(world);
  const socket = connect(join(world.runtime, 'dynamo', `${runId}.sock`));
  let answer = '';
  socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  const chunk = Buffer.alloc(mebibyte, 'x');
  for (let sent = 0; sent < 600 && !socket.destroyed; sent++) {
    if (!socket.write(chunk))
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
  }
  await closed;
  expect(JSON.parse(answer)).toEqual({ error: 'a line has at most 1048576 bytes' });
  const peakKiB = Number(
    /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${run?.supervisorPid}/status`, 'utf8'))?.[1],
  );
  expect(peakKiB).toBeLessThan(300 * 1024);
  expect(await ps(world)).toMatchObject([{ state: 'ready', supervisor: 'answering' }]);
  await succeed(world, ['down']);
});
