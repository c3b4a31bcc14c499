/** Ctrl-Z as a terminal sends it, to the whole foreground group. Needs `script`. */
import { spawn } from 'node:child_process';
import { expect, onTestFinished } from 'vitest';
import { executable } from '../../e2e/harness/cli.ts';
import { onSim, ps } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';

const [ctrlC, ctrlZ] = ['\u0003', '\u001A'];

test('Ctrl-Z in a terminal is refused with a message, and Ctrl-C stops in order', async ({ world }) => {
  const words = [process.execPath, executable, 'up', 'agg', ...(await onSim())].join(' ');
  const terminal = spawn('/usr/bin/script', ['-qefc', words, '/dev/null'], {
    cwd: world.work,
    env: { ...world.env, TERM: 'xterm' },
  });
  onTestFinished(() => void terminal.kill('SIGKILL'));
  let seen = '';
  terminal.stdout.setEncoding('utf8').on('data', (part: string) => (seen += part));
  const code = new Promise<number | null>((resolve) => terminal.once('close', resolve));
  await until('a run that serves', () => seen.includes('is ready after'));
  terminal.stdin.write(ctrlZ);
  await until('the refusal', () => /Ctrl-Z does not suspend agg: .*dynamo up -d.*dynamo attach/.test(seen));
  expect(await ps(world)).toMatchObject([{ state: 'ready', supervisor: 'answering' }]);
  terminal.stdin.write(ctrlC);
  expect(await code).toBe(130);
  expect(seen).toContain('stopped: nothing is left');
});
