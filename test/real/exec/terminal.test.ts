/** Ctrl-C in a real terminal, which sends it to the whole group: the command gets it once. Needs `script` (bsdutils). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { executable, startCommand } from '../../e2e/harness/cli.ts';
import { onSim } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';

const patient = `
let count = 0;
process.on('SIGINT', () => {
  if (++count > 1) return;
  // Long enough to notice a second delivery.
  setTimeout(() => (console.log('got', count), process.exit(5)), 300);
});
setInterval(() => {}, 1000);
console.log('ready');
`;

test('Ctrl-C in a terminal', async ({ world }) => {
  writeFileSync(join(world.work, 'patient.cjs'), patient);
  const line = `exec node ${executable} exec agg ${(await onSim()).join(' ')} -- node patient.cjs`;
  const env = { PATH: `${world.bin}:/usr/bin:/bin` };
  const session = startCommand(world, ['script', '-qec', line, '/dev/null'], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  await session.until(/ready\r\n/);
  session.child.stdin?.write('\u0003');
  const { code, stdout } = await session.ended;
  expect({ code, stdout }).toEqual({ code: 5, stdout: expect.stringMatching(/got 1\r\n$/) });
});
