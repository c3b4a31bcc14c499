/** Invalid input: position, message, line with caret, and fix, for each kind of error. */
import { describe, expect, it } from 'vitest';
import { failureOf, good } from './memory-files.ts';

const mode = '    mode: aggregated\n';
const worker = (lines: string) => good.replace(mode, mode + lines);
const frontend = (line: string) => good.replace('    kind: frontend\n', `    kind: frontend\n    ${line}\n`);
const declared = 'parameters: {model: {type: string, description: x}}\n';

/** Name, text of the profile, frames. */
const files: [string, string | Uint8Array, string[]][] = [
  [
    'unknown key at the top',
    `${good}modle: x\n`,
    ['my.yaml:11:1: modle: unknown key\n  11 | modle: x\n     | ^ did you mean model?'],
  ],
  [
    'several faults, unknown keys and wrong types',
    worker('    replcas: 2\n    gpus: two\n    kvEvents: yes\n    pageSize: "16"\n'),
    [
      'my.yaml:9:5: components.worker.replcas: unknown key\n  9 |     replcas: 2\n    |     ^ did you mean replicas?',
      'my.yaml:10:11: components.worker.gpus: expected integer from 0 to 64, got string "two"\n  10 |     gpus: two\n     |           ^',
      'my.yaml:11:15: components.worker.kvEvents: expected true or false, got string "yes"\n  11 |     kvEvents: yes\n     |               ^ write true',
      'my.yaml:12:15: components.worker.pageSize: expected integer from 1 to 1024, got string "16"\n  12 |     pageSize: "16"\n     |               ^ remove the quotes: 16',
    ],
  ],
  [
    'port out of range',
    frontend('httpPort: 70000'),
    [
      'my.yaml:6:15: components.frontend.httpPort: expected integer from 1 to 65535, got 70000\n  6 |     httpPort: 70000\n    |               ^',
    ],
  ],
  [
    'restarts without an end and with one',
    worker('    restart: always\n    maxRestarts: 3\n'),
    [
      'my.yaml:10:5: components.worker.maxRestarts: has no effect with restart: always, which restarts forever\n  10 |     maxRestarts: 3\n     |     ^ remove it, or restart: on-failure',
    ],
  ],
  [
    'a longest pause below the first',
    worker('    backoffSeconds: 10\n    maxBackoffSeconds: 5\n'),
    [
      'my.yaml:10:5: components.worker.maxBackoffSeconds: 5 is less than backoffSeconds, 10\n  10 |     maxBackoffSeconds: 5\n     |     ^ maxBackoffSeconds: 10',
    ],
  ],
  [
    'a misspelt key and a number out of range in liveness',
    worker('    liveness: {periodSecond: 5, failureThreshold: 0}\n'),
    [
      'my.yaml:9:16: components.worker.liveness.periodSecond: unknown key\n  9 |     liveness: {periodSecond: 5, failureThreshold: 0}\n    |                ^ did you mean periodSeconds?',
      'my.yaml:9:51: components.worker.liveness.failureThreshold: expected integer from 1 to 100, got 0\n  9 |     liveness: {periodSecond: 5, failureThreshold: 0}\n    |                                                   ^',
    ],
  ],
  [
    'unknown kind',
    good.replace('kind: worker', 'kind: wroker'),
    [
      'my.yaml:7:11: components.worker.kind: expected one of frontend, worker, got string "wroker"\n  7 |     kind: wroker\n    |           ^ did you mean worker?',
    ],
  ],
  [
    'duplicate key',
    worker(mode),
    [
      'my.yaml:9:5: duplicate key mode\n  9 |     mode: aggregated\n    |     ^ remove one: it is also on line 8',
    ],
  ],
  [
    'tab',
    'a: 1\n\tb: 2\n',
    ['my.yaml:2:1: tabs cannot be used for indentation in YAML\n  2 | \tb: 2\n    | ^ use spaces'],
  ],
  [
    'syntax',
    'model: a: b\n',
    [
      'my.yaml:1:8: YAML: a second "key: value" inside a value\n  1 | model: a: b\n    |        ^ quote the value, or put the key on a line of its own',
    ],
  ],
  [
    'no colon',
    'model: x\nfoo\nbar: 1\n',
    [
      'my.yaml:2:1: YAML: this line is not "key: value"\n  2 | foo\n    | ^ is a colon missing, or is the indentation wrong?',
    ],
  ],
  ['empty', '', ['my.yaml:1:1: the file is empty\n  1 | \n    | ^ start with: extends: agg']],
  [
    'a list',
    '- a\n',
    ['my.yaml:1:1: expected a mapping (key: value), got a list\n  1 | - a\n    | ^ start with: extends: agg'],
  ],
  [
    'two documents',
    `${good}---\n${good}`,
    [
      'my.yaml:11:1: a second document starts before this line\n  11 | ---\n     | ^ a profile is a single document: remove the ---',
    ],
  ],
  [
    'no UTF-8',
    new Uint8Array([0x61, 0x3a, 0x20, 0xff, 0x0a]),
    ['my.yaml:1:4: these bytes are not UTF-8\n  1 | a: \uFFFD\n    |    ^ save the file as UTF-8'],
  ],
  [
    'CRLF',
    worker('    replcas: 2\n').replaceAll('\n', '\r\n'),
    [
      'my.yaml:9:5: components.worker.replcas: unknown key\n  9 |     replcas: 2\n    |     ^ did you mean replicas?',
    ],
  ],
  [
    'byte order mark',
    `\uFEFFmodle: 1\n${good}`,
    ['my.yaml:1:1: modle: unknown key\n  1 | modle: 1\n    | ^ did you mean model?'],
  ],
  [
    'unknown anchor',
    'a: *q\n',
    [
      'my.yaml:1:4: no anchor (&name) precedes this alias (*name)\n  1 | a: *q\n    |    ^ quote the text if it starts with *, or write out the value',
    ],
  ],
  [
    'anchor in itself',
    'a: &a [*a]\n',
    ['my.yaml:1:8: &a contains itself\n  1 | a: &a [*a]\n    |        ^ write out the value'],
  ],
  [
    'tag',
    'a: !foo 1\n',
    ['my.yaml:1:4: tags (!name) are not supported in profiles\n  1 | a: !foo 1\n    |    ^ remove the tag'],
  ],
  [
    'value missing',
    good.replace('model: some/model', 'model:'),
    [
      'my.yaml:2:1: model: missing, because a key without a value deletes it\n  2 | model:\n    | ^ expected: string that is not empty',
    ],
  ],
  [
    'unset parameter',
    good.replace('some/model', '${model}') + declared,
    [
      'my.yaml:2:8: model: missing, because ${model} is unset\n  2 | model: ${model}\n    |        ^ expected: string that is not empty',
    ],
  ],
  [
    'unset parameter in a text',
    good.replace('some/model', 'a-${model}') + declared,
    [
      'my.yaml:2:8: ${model} is part of a longer text, but the parameter is unset\n  2 | model: a-${model}\n    |        ^ --set model=…, or give it a default',
    ],
  ],
  [
    'reference not closed',
    good.replace('some/model', 'x${model'),
    ['my.yaml:2:8: ${ without a closing }\n  2 | model: x${model\n    |        ^ write $${ for a literal ${'],
  ],
  [
    'default of the wrong type',
    `${good}parameters:\n  n: {type: integer, default: x, description: x}\n`,
    [
      'my.yaml:12:31: parameters.n.default: expected integer, got "x"\n  12 |   n: {type: integer, default: x, description: x}\n     |                               ^',
    ],
  ],
  [
    'overlay',
    `${good}parameters: {size: {type: string, choices: [1b, 14b], default: 1b, description: x}}\noverlays:\n  - when: {sise: 1b}\n    set: {}\n  - when: {size: 14bb}\n    set: {model: "\${siz}"}\n`,
    [
      'my.yaml:13:12: when: there is no parameter sise\n  13 |   - when: {sise: 1b}\n     |            ^ did you mean size?',
      'my.yaml:15:18: when: size is never "14bb": expected one of 1b, 14b\n  15 |   - when: {size: 14bb}\n     |                  ^ did you mean 14b?',
      'my.yaml:16:18: ${siz}: there is no parameter siz\n  16 |     set: {model: "${siz}"}\n     |                  ^ did you mean ${size}?',
    ],
  ],
  [
    'references to components, together with a fault of the schema',
    worker('    dependsOn: {fronted: ready}\n    shareGpuWith: frontend\n    gpus: -1\n'),
    [
      'my.yaml:9:17: components.worker.dependsOn: there is no component "fronted"\n  9 |     dependsOn: {fronted: ready}\n    |                 ^ did you mean frontend?',
      'my.yaml:10:19: components.worker.shareGpuWith: there is no other worker "frontend"\n  10 |     shareGpuWith: frontend\n     |                   ^ available: none',
      'my.yaml:11:11: components.worker.gpus: expected integer from 0 to 64, got -1\n  11 |     gpus: -1\n     |           ^',
    ],
  ],
  [
    'start cycle',
    frontend('dependsOn: {worker: ready}').replace(mode, `${mode}    dependsOn: {frontend: ready}\n`),
    [
      'my.yaml:6:17: dependsOn: these components depend on each other: frontend → worker → frontend\n  6 |     dependsOn: {worker: ready}\n    |                 ^ remove one of the dependencies',
    ],
  ],
  [
    'extends what is not there',
    'extends: nope\n',
    [
      'my.yaml:1:10: extends: there is no profile "nope"\n  1 | extends: nope\n    |          ^ dynamo profiles list',
    ],
  ],
  [
    'extends itself',
    'extends: ./my.yaml\n',
    [
      'my.yaml:1:10: extends: these profiles extend each other: my → my\n  1 | extends: ./my.yaml\n    |          ^ remove one extends',
    ],
  ],
  [
    'variables',
    `${good}env:\n  A-B: 1\n  C: [1]\n`,
    [
      'my.yaml:12:3: env.A-B: expected the name of an environment variable, got "A-B"\n  12 |   A-B: *\n     |   ^',
      'my.yaml:13:6: env.C: expected string, number or true or false, got a list\n  13 |   C: ***\n     |      ^',
    ],
  ],
  [
    'a secret in the line',
    `${good}env: {HF_TOKEN: [hf_abc]}\n`,
    [
      'my.yaml:11:17: env.HF_TOKEN: expected string, number or true or false, got a list\n  11 | env: {HF_TOKEN: *********\n     |                 ^',
    ],
  ],
  [
    'a message of the schema',
    `${good}  size: big\n`,
    ['my.yaml:11:9: proof.size: expected WIDTHxHEIGHT, got "big"\n  11 |   size: big\n     |         ^'],
  ],
];

describe('a bad file', () => {
  it.each(files)('%s', async (_name, text, frames) => {
    const error = await failureOf(text);
    expect(error.details).toEqual(frames);
    expect(error.message).toBe(
      `Profile my.yaml has ${frames.length === 1 ? 'an error' : `${frames.length} errors`}.`,
    );
    expect([error.exitCode, error.hint]).toEqual([65, 'dynamo profiles validate my.yaml']);
  });

  it.each([
    [
      'no frontend',
      good.replace('  frontend:\n    kind: frontend\n', ''),
      'my.yaml:3:1: components: no frontend',
    ],
    [
      'second frontend',
      good.replace('  worker:', '  other: {kind: frontend}\n  worker:'),
      'my.yaml:6:3: components.other: a second frontend',
    ],
    ['no worker', good.replace(/ {2}worker:\n.*\n.*\n/, ''), 'my.yaml:3:1: components: no worker'],
    [
      'prefill alone',
      good.replace('aggregated', 'prefill'),
      'components.worker: mode prefill without a worker of mode decode',
    ],
    [
      'page sizes',
      good.replace(
        / {2}worker:\n.*\n.*\n/,
        '  p: {kind: worker, mode: prefill, pageSize: 16}\n  d: {kind: worker, mode: decode, pageSize: 64}\n',
      ),
      'my.yaml:7:35: components.d.pageSize: is 64, but 16 in p',
    ],
    [
      'events that nobody publishes',
      frontend('router: {mode: kv}'),
      'components.frontend.router: follows KV events, but no worker publishes any',
    ],
    [
      'proof for another mode',
      good.replace('chat', 'image'),
      'proof.request: image needs a worker of mode image, got aggregated',
    ],
    [
      'proof with another field',
      `${good}  frames: 3\n`,
      'proof.frames: only for video requests, got request chat',
    ],
    [
      'vision without multimodal',
      good.replace('chat', 'vision'),
      'proof.request: vision needs a worker with multimodal: true',
    ],
    [
      'endpoint elsewhere',
      worker('    endpoint: a.b.c\n'),
      'components.worker.endpoint: namespace a differs from the profile',
    ],
    [
      'no encoder',
      worker('    dedicatedEncoder: true\n'),
      'components.worker.dedicatedEncoder: there is no worker of mode encode',
    ],
    [
      'waits for encode',
      worker('    dedicatedEncoder: true\n    dependsOn: {e: ready}\n  e: {kind: worker, mode: encode}\n'),
      'components.worker.dependsOn: depends on e, which itself waits for this worker',
    ],
    [
      'tensor parallel',
      worker('    tensorParallel: 2\n'),
      'components.worker.tensorParallel: 2 needs at least as many GPUs, got gpus: 1',
    ],
  ])('whose parts do not match: %s', async (_name, text, message) => {
    const { details } = await failureOf(text);
    expect(details.join('\n')).toContain(message);
  });

  it('of 10 MB is rejected before it is read', async () => {
    const { details } = await failureOf(new Uint8Array(10 * 1024 * 1024));
    expect(details[0]).toContain('my.yaml:1:1: the file is 10.0 MiB; the limit for a profile is 1 MiB');
  });

  it.each([
    [
      'aliases',
      'a: &a [1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n',
      'aliases (*name) expand to more than 100 copies of their anchors',
    ],
    ['brackets', `a: ${'['.repeat(5_000)}`, 'nested too deeply'],
    ['dashes', '- '.repeat(5_000), 'nested too deeply'],
    ['colons', 'a: '.repeat(5_000), 'nested too deeply'],
  ])('that would explode (%s) is rejected before it does', async (_name, text, message) => {
    expect((await failureOf(text)).details[0]).toContain(message);
  });

  it('with thousands of keys shows the first errors and counts the rest', async () => {
    const { details } = await failureOf(good + Array.from({ length: 5000 }, (_, i) => `k${i}: 1\n`).join(''));
    expect(details).toHaveLength(26);
    expect(details.at(-1)).toBe('… and 4975 more');
  });

  it('cannot send control characters to a terminal', async () => {
    const { details } = await failureOf(`${good}"x\\e[31m": 1\ny\u001b[2J: 1\n`);
    // oxlint-disable-next-line no-control-regex
    expect(details.join('')).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
  });

  it('shows the part of a long line around the error', async () => {
    const { details } = await failureOf(
      `${good}env: {${Array.from({ length: 60 }, (_, i) => `V${i}: x`).join(', ')}, A-B: 1}\n`,
    );
    const [, line = '', caret = ''] = details[0]?.split('\n') ?? [];
    expect(line.length).toBeLessThan(120);
    expect(line.slice(caret.indexOf('^')).startsWith('A-B')).toBe(true);
  });
});
