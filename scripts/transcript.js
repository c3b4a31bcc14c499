// Runs the commands of the transcript in docs/first-steps.md and writes their output between its markers. --check compares instead,
// ignoring what varies between runs. --skip-install skips `npm ci`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const flags = new Set(process.argv.slice(2));
const begin = '<!-- transcript: made by node scripts/transcript.js -->\n\n```console\n';
const end = '```\n\n<!-- end of transcript -->\n';
const install = 'npm ci';

const page = 'docs/first-steps.md';
const whole = readFileSync(page, 'utf8');
const [from, to] = [whole.indexOf(begin) + begin.length, whole.indexOf(end)];
if (from < begin.length || to < from) throw new Error(`${page} has no transcript between its markers`);
const written = whole.slice(from, to);

// A separate home: other runs of this user are not touched, and paths look the same for everyone.
const home = mkdtempSync(join(tmpdir(), 'transcript-'));
const runtime = join(home, 'run');
mkdirSync(runtime, { mode: 0o700 });
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(XDG|DYN|DYNAMO|HF|OPENAI|FORCE_COLOR|NODE_OPTIONS)/.test(name),
  ),
);
const env = {
  ...environment,
  HOME: home,
  XDG_RUNTIME_DIR: runtime,
  NO_COLOR: '1',
  npm_config_cache: process.env.npm_config_cache ?? join(homedir(), '.npm'),
  npm_config_loglevel: 'error',
  npm_config_update_notifier: 'false',
};

/** Lines that depend on timing or on this machine. */
const passing = /^(\S+Z {2}waiting for |http port )/;
const timeStamp = /^\d{4}-\d\d-\d\dT[\d:.]+Z {2}/gm;

/** The output of a command as a person sees it: both streams in order. */
function run(command) {
  const { stdout, status } = spawnSync('bash', ['-c', `${command} 2>&1`], {
    env,
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`${command}: exit code ${status}\n${stdout}`);
  // One line of npm is enough.
  const lines = stdout.split('\n').filter((line) => command !== install || line.startsWith('added '));
  return lines
    .filter((line) => !passing.test(line))
    .join('\n')
    .replaceAll(timeStamp, '')
    .trimEnd();
}

/** Each as `[command, output]`. */
function parts(text) {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...output] = part.split('\n');
      return [command, output.join('\n').trim()];
    });
}

/** What does not vary between runs; lines are sorted, as processes become ready in any order. */
function essence(output) {
  return output
    .replaceAll(/\b(pid|after|in|port) [\d.]+( ?(ms|s|min))*/g, '$1 N')
    .replaceAll(/\[[\d.]+ ?(ms|s)\]/g, '[N]')
    .replaceAll(/disagg-[a-z0-9]{4}\b/g, 'disagg-ID')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:N')
    .replaceAll(/added \d+ packages/g, 'added N packages')
    .split('\n')
    .filter((line) => line !== '')
    .toSorted()
    .join('\n');
}

const commands = parts(written);
let made;
try {
  made = commands.map(([command, output]) =>
    flags.has('--skip-install') && command === install ? [command, output] : [command, run(command)],
  );
} finally {
  spawnSync(process.execPath, ['bin/dynamo.js', 'down', '--all', '--quiet'], { env });
  rmSync(home, { recursive: true, force: true });
}

if (flags.has('--check')) {
  for (const [i, [command, output]] of made.entries()) {
    const before = commands[i][1];
    if (essence(output) === essence(before)) continue;
    process.stderr.write(`${page} shows for \`${command}\`:\n${before}\n\nbut it printed:\n${output}\n\n`);
    process.stderr.write('to accept the new output: node scripts/transcript.js\n');
    process.exitCode = 1;
  }
} else {
  const fresh = made
    .map(([command, output]) => `$ ${command}\n${output === '' ? '' : `${output}\n`}`)
    .join('\n');
  writeFileSync(page, whole.slice(0, from) + fresh + whole.slice(to));
}
