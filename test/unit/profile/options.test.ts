/** Invalid options and variables: what was typed, expected, and to be typed instead. */
import { describe, expect, it } from 'vitest';
import { failureOf, good, set } from './memory-files.ts';

const mode = '    mode: aggregated\n';

describe('a bad option', () => {
  const withParameters =
    `${good}    \nparameters:\n  tracing: {type: boolean, default: false, description: x}\n  n: {type: integer, default: 1, description: x}\n  size: {type: string, choices: [1b, 14b], description: x}\n  idle: {type: string, description: x}\ntracing: \${tracing}\nnamespace: \${size}\n`.replace(
      mode,
      `${mode}    replicas: \${n}\n`,
    );
  it.each([
    ['tracing=maybe', '--set tracing=maybe: expected true or false, got "maybe".', '--set tracing=true'],
    ['n=two', '--set n=two: expected integer, got "two".', undefined],
    ['n=1.5', '--set n=1.5: expected integer, got "1.5".', undefined],
    ['n=0x10', '--set n=0x10: expected integer, got "0x10".', undefined],
    ['n=', '--set n=: expected integer, got "".', undefined],
    ['size=15b', '--set size=15b: expected one of 1b, 14b, got "15b".', '--set size=1b'],
    [
      'tracng=true',
      '--set tracng=true: there is no parameter or key "tracng".',
      'did you mean --set tracing=true?',
    ],
    [
      'components.wrker.gpus=2',
      '--set components.wrker.gpus=2: there is no key in components "wrker".',
      'did you mean --set components.worker.gpus=2?',
    ],
    [
      'components.worker.gpu=2',
      '--set components.worker.gpu=2: there is no key in components.worker "gpu".',
      'did you mean --set components.worker.gpus=2?',
    ],
    [
      'parameters.n.default=2',
      '--set parameters.n.default=2: there is no parameter or key "parameters".',
      undefined,
    ],
    ['__proto__.x=1', '--set __proto__.x=1: there is no parameter or key "__proto__".', undefined],
    ['idle=x', '--set idle=x: has no effect: profile my does not use the parameter idle.', undefined],
  ])('%s', async (word, message, hint) => {
    const error = await failureOf(withParameters, { settings: set(word) });
    expect([error.message, error.exitCode]).toEqual([message, 64]);
    if (hint !== undefined) expect(error.hint).toBe(hint);
  });

  it('that the schema rejects is shown where it was typed, or where it is used', async () => {
    const path = await failureOf(withParameters, { settings: set('components.worker.gpus=two') });
    expect([path.exitCode, path.message, path.details]).toEqual([
      64,
      'An option does not fit profile my.yaml.',
      [
        '--set:1:30: components.worker.gpus: expected integer from 0 to 64, got string "two"\n  1 | --set components.worker.gpus=two\n    |                              ^',
      ],
    ]);
    const used = await failureOf(withParameters, { settings: set('n=0') });
    expect([used.exitCode, used.details[0]?.split('\n')[0]]).toEqual([
      64,
      'my.yaml:9:15: components.worker.replicas: expected integer from 1 to 10000, got 0 (from --set n=0)',
    ]);
  });

  it('with another name is reported by it, and secrets are hidden', async () => {
    const settings = [{ path: 'modl', value: 'x', flag: '--model' }];
    expect((await failureOf(withParameters, { settings })).message).toBe(
      '--model x: there is no parameter or key "modl".',
    );
    expect((await failureOf(withParameters, { settings: set('enw.HF_TOKEN=abc') })).message).not.toContain(
      'abc',
    );
  });

  it('from the environment is exit 78', async () => {
    const text = withParameters.replace('integer,', 'integer, env: [A, B],');
    const error = await failureOf(text, { environment: { A: '', B: 'x' } });
    expect([error.message, error.exitCode, error.hint]).toEqual([
      'B=x is set in the environment, but parameter n expects integer.',
      78,
      'unset B',
    ]);
  });
});
