/** Mistakes on the command line: exit code, what was wrong, and a suggestion. */
import { expect } from 'vitest';
import { dynamo } from './harness/cli.ts';
import { test } from './harness/world.ts';

const mistakes: readonly [words: string, code: number, said: RegExp][] = [
  ['upp', 64, /There is no command "upp"\.[^]*did you mean: dynamo up$/m],
  ['frobnicate', 64, /There is no command "frobnicate"[^]*dynamo --help/],
  ['up', 64, /needs a profile[^]*agg_router[^]*dynamo up agg/],
  ['plan', 64, /needs a profile/],
  ['up agg disagg', 64, /takes one profile, but also got: disagg/],
  ['up --detatch agg', 64, /--detatch[^]*did you mean --detach\?/],
  ['up agg --http-prot 1', 64, /--http-prot[^]*did you mean --http-port\?/],
  ['up agg --engine simm', 64, /simm[^]*auto, sglang, mocker, sim/],
  ['up agg --http-port 99999', 64, /--http-port "99999": expected a port from 1 to 65535/],
  ['up agg --http-port', 64, /--http-port/],
  ['up agg --timeout soon', 64, /--timeout "soon": expected a number of seconds/],
  ['up agg --name Bad/Name', 64, /--name "Bad\/Name"/],
  ['up agg --env nothing', 64, /--env "nothing": expected KEY=VALUE/],
  ['up agg --replicas worker=0', 64, /--replicas "worker=0"/],
  ['up agg --replicas wroker=2 --engine sim', 64, /no worker wroker[^]*did you mean --replicas worker=…\?/],
  [
    'up agg --set pagesize=1 --engine sim',
    64,
    /there is no parameter or key "pagesize"[^]*did you mean[^]*pageSize/,
  ],
  ['up agg --set pageSize=many --engine sim', 64, /pageSize[^]*many/],
  ['up agg --gpus 0,,1', 64, /--gpus "0,,1"/],
  ['up nope.yaml', 66, /nope\.yaml/],
  ['plan disagg --json --shell', 64, /Use --json or --shell, not both/],
  ['profiles shwo agg', 64, /shwo[^]*show/],
  ['profiles show nothing', 66, /no profile "nothing"/],
  ['completion tcsh', 64, /No completion for the shell "tcsh"[^]*bash, zsh, fish/],
  ['ps extra', 64, /extra|too many/i],
  ['down one two', 64, /two|too many/i],
];

test('every mistake is reported on stderr only, with its exit code and a suggestion', async ({ world }) => {
  for (const [words, code, said] of mistakes) {
    const ended = await dynamo(world, words.split(' '));
    expect.soft({ words, code: ended.code, stdout: ended.stdout }).toEqual({ words, code, stdout: '' });
    expect.soft(ended.stderr, words).toMatch(said);
    expect.soft(ended.stderr, words).toMatch(/^error: /);
    expect.soft(ended.stderr, words).not.toMatch(/\.\.|\bundefined\b|\n\s+at /);
  }
});
