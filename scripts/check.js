// Static checks: types, lint, format, unused code, stale generated files, dead citations.
import { spawn } from 'node:child_process';

const checks = {
  types: ['tsc', '--noEmit'],
  'types of the page': ['tsc', '--noEmit', '--project', 'src/page'],
  'types of its tests': ['tsc', '--noEmit', '--project', 'test/real/ui'],
  lint: ['oxlint', '--type-aware', '--deny-warnings'],
  format: ['oxfmt', '--check'],
  unused: ['knip', '--no-progress'],
  rooms: ['node', 'scripts/rooms.js', '--check'],
  schema: ['node', 'scripts/schema.js', '--check'],
  'profile pages': ['node', 'scripts/profile-pages.js', '--check'],
  citations: ['node', 'scripts/citations.js'],
};

const run = ([command, ...args]) =>
  new Promise((resolve) => {
    const file = command === 'node' ? process.execPath : `node_modules/.bin/${command}`;
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: 1, output: String(error) }));
    child.on('close', (code) => resolve({ code, output }));
  });

const results = await Promise.all(
  Object.entries(checks).map(async ([name, command]) => ({ name, ...(await run(command)) })),
);
for (const { name, code, output } of results) {
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name}`);
  if (code !== 0) console.log(output.trimEnd());
}
process.exitCode = results.some(({ code }) => code !== 0) ? 1 : 0;
