/** The bash script of a plan: bash can read it, and every argument arrives unchanged. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { quote } from '../../../src/base/terminal-text.ts';
import { shellScript } from '../../../src/plan/shell.ts';
import { planned } from '../../support/arbitrary-plan.ts';
import { processesWith } from '../../oracle/proc.ts';
import { disaggregated, frontend, host, options, profileOf, worker } from '../../support/profile.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

const hostile = [
  '',
  ' ',
  "'",
  '"',
  '$HOME',
  '`id`',
  '$(id)',
  '\\',
  '!!',
  '*',
  '~',
  '-n',
  '#',
  '\n',
  'a\nb\n',
  ';|&<>',
  "it's",
  '😀',
  '=',
  'a=b',
  '\t',
  '{a,b}',
];

test('hostile arguments survive quoting', () => {
  const random = fc
    .sample(fc.array(fc.string({ unit: 'binary' }), { maxLength: 8 }), { numRuns: 60, seed: 7 })
    .flat();
  // Arguments cannot contain NUL, and half a surrogate pair is not text.
  const words = [...hostile, ...random].filter(
    (word) => !word.includes('\0') && Buffer.from(word).toString() === word,
  );
  for (const shell of ['bash', 'sh']) {
    const output = execFileSync(shell, ['-c', `printf '%s\\0' ${words.map(quote).join(' ')}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(output.toString('utf8').split('\0').slice(0, -1)).toEqual(words);
  }
});

test('plain arguments stay unquoted', () => {
  for (const word of ['--mode', 'http://127.0.0.1:8000/v1', '/opt/a_b-c.js', 'a,b', 'A=b'])
    expect(quote(word)).toBe(word);
});

test('bash can read the script of any plan', () => {
  const folder = tempFolder();
  const plans = fc.sample(planned, { numRuns: 15, seed: 11 });
  const files = plans.map(({ profile, options: asked, host: facts }, i) => {
    const environment = { 'DYN_;x=1': 'y', 'DYN_A-B': 'y', DYN_SYSTEM_PORT: '1' };
    const plan = makePlan(profile, { ...asked, rawArgs: hostile }, { ...facts, environment });
    const file = join(folder, `${i}.sh`);
    writeFileSync(file, shellScript(plan));
    return file;
  });
  for (const file of files)
    execFileSync('bash', ['--norc', '-n', file], { stdio: ['ignore', 'pipe', 'pipe'] });
});

test('a component may have any name, even that of a function in the script', () => {
  const profile = profileOf({
    components: { frontend, for: worker('aggregated'), 'until-ready': worker('aggregated') },
  });
  const script = shellScript(makePlan(profile, options(), host()));
  const defined = [...script.matchAll(/^(\w+)\(\) \{/gm)].map(([, name]) => name);
  expect(new Set(defined).size).toBe(defined.length);
});

/** Stand-ins for node, which runs until it is ended, and for curl, which succeeds once all of `names` run. */
function standIns(names: readonly string[]): { folder: string; bin: string } {
  const folder = tempFolder();
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const allRun = names.map((name) => `[ -e "$OUT/${name}" ]`).join(' && ');
  const answer = '{"endpoints":{"generate":"ready"},"data":[{"id":"tiny/model"}]}';
  writeFileSync(join(bin, 'curl'), `#!/bin/sh\n${allRun} || exit 7\nprintf '%s' '${answer}'\n`, {
    mode: 0o755,
  });
  const file = '"$OUT/$DYNAMO_PROCESS"';
  const engine = [
    '#!/bin/sh',
    `echo "$DYNAMO_PROCESS $DYN_SYSTEM_PORT $LEAKED $DYN_LEAKED" >${file}.new`,
    `mv ${file}.new ${file}`,
    'exec sleep 60',
  ];
  writeFileSync(join(bin, 'engine'), `${engine.join('\n')}\n`, { mode: 0o755 });
  return { folder, bin };
}

const names = ['frontend', 'prefill', 'decode-1', 'decode-2'];

function run(script: string, { folder, bin }: { folder: string; bin: string }, marker: string): unknown {
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    OUT: folder,
    ORACLE: marker,
    DYN_LEAKED: 'leaked',
    LEAKED: 'kept',
  };
  try {
    return execFileSync('bash', ['--norc', '-c', script], {
      encoding: 'utf8',
      env,
      timeout: 15_000,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    return error;
  }
}

function planIn({ folder, bin }: { folder: string; bin: string }) {
  const environment = { DYN_LEAKED: 'x' };
  return makePlan(
    disaggregated,
    options(),
    host({
      sim: [join(bin, 'engine'), '/opt/dynamo/dist/sim.js'],
      runFolder: join(folder, 'run'),
      environment,
    }),
  );
}

/** Processes that the script ended may take a moment to exit: it waits for the leaders only. */
async function nobody(marker: string): Promise<void> {
  await until('all to be gone', () => processesWith(marker).length === 0);
}

test('the script starts every process, sends the proof request, and leaves nothing running', async () => {
  const place = standIns(names);
  const plan = planIn(place);
  const marker = `dynamo-shell-${process.pid}-a`;
  // At the end, the script waits until any process exits: here it is stopped instead.
  const script = shellScript(plan).replace('wait -n', () => 'kill -TERM $$; wait -n');
  expect(run(script, place, marker)).toMatchObject({
    status: 143,
    stdout: expect.stringContaining('"ready"'),
  });
  for (const { name, ports } of plan.processes) {
    expect(readFileSync(join(place.folder, name), 'utf8')).toBe(`${name} ${ports.system ?? ''} kept \n`);
  }
  await nobody(marker);
});

test('a script stopped right after its first start leaves nothing running', async () => {
  const place = standIns(names);
  const marker = `dynamo-shell-${process.pid}-b`;
  const script = shellScript(planIn(place)).replace(
    '\nwait_frontend\n',
    () => '\nkill -TERM $$\nwait_frontend\n',
  );
  for (let round = 0; round < 10; round++) {
    expect(run(script, place, marker)).toMatchObject({ status: 143 });
    await nobody(marker);
  }
});
