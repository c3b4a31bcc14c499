/** Directories, extends, parameters, overlays and settings with valid files. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DynamoError } from '../../../src/base/error.ts';
import { listProfiles, validateProfile } from '../../../src/profile/list.ts';
import { loadProfile } from '../../../src/profile/load.ts';
import { directories, good, memoryFiles, request, set } from './memory-files.ts';

const project = (name: string) => `${directories.project}/${name}.yaml`;
const user = (name: string) => `${directories.user}/${name}.yaml`;
const shipped = (name: string) => `${directories.shipped}/${name}.yaml`;
const shippedAgg = { [shipped('agg')]: `aliases: [one]\nupstreamScripts: [agg.sh]\n${good}` };
const load = async (files: Record<string, string>, asked: string, change = {}) =>
  loadProfile(request(memoryFiles(files), asked, change));

describe('directories', () => {
  it('project overrides user, user overrides shipped; aliases follow the override', async () => {
    const files = { ...shippedAgg, [user('agg')]: good };
    expect((await load(files, 'agg')).profile.origin).toBe('user');
    expect((await load({ ...files, [project('agg')]: good }, 'one')).profile.origin).toBe('project');
    expect((await load({ ...files, [project('agg')]: good }, 'launch/agg.sh')).profile.file).toBe(
      project('agg'),
    );
  });

  it('a name takes precedence over an alias', async () => {
    const files = { [project('x')]: `aliases: [agg]\n${good}`, ...shippedAgg };
    expect((await load(files, 'agg')).profile.name).toBe('agg');
  });

  it('an unknown name exits with 66 and the nearest one', async () => {
    const error = await load(shippedAgg, 'agh').catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      exitCode: 66,
      message: 'There is no profile "agh".',
      hint: 'did you mean agg?',
    });
    const path = await load(shippedAgg, './nope.yaml').catch((reason: unknown) => reason);
    expect(path).toMatchObject({
      exitCode: 66,
      message: 'There is no file nope.yaml.',
      hint: 'dynamo profiles list',
    });
  });

  it('a name in the file must match the file name', async () => {
    const error = await load({ [project('x')]: `name: y\n${good}` }, 'x').catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      exitCode: 65,
      details: [expect.stringContaining('launch-profiles/x.yaml:1:1: name: ')],
    });
    expect((await load({ '/project/x.yaml': `name: y\n${good}` }, 'x.yaml')).profile).toMatchObject({
      name: 'y',
      origin: 'file',
    });
  });

  it('are listed with overrides, even if a file is broken', async () => {
    const files = {
      ...shippedAgg,
      [project('agg')]: 'extends: agg\ndescription: mine\n',
      [user('bad')]: 'modle: 1\n',
    };
    const listed = await listProfiles(request(memoryFiles(files), ''));
    expect(listed).toMatchObject([
      {
        name: 'agg',
        description: 'mine',
        origin: 'project',
        overrides: [{ origin: 'shipped', file: shipped('agg') }],
      },
      { name: 'bad', origin: 'user', profile: undefined, error: { exitCode: 65 } },
    ]);
  });

  it('profiles in the folder of the package are shipped, and listed once', async () => {
    const here = { ...directories, project: directories.shipped };
    const listed = await listProfiles({ ...request(memoryFiles(shippedAgg), ''), directories: here });
    expect(listed).toMatchObject([{ name: 'agg', origin: 'shipped', overrides: [] }]);
  });
});

describe('extends', () => {
  it('of its own name means the overridden profile', async () => {
    const files = { ...shippedAgg, [project('agg')]: 'extends: agg\nmodel: mine\n' };
    const { profile } = await load(files, 'agg');
    expect(profile).toMatchObject({
      model: 'mine',
      description: 'test',
      origin: 'project',
      aliases: [],
      upstreamScripts: [],
    });
    expect((await load(files, project('agg'))).profile).toMatchObject({ model: 'mine', origin: 'project' });
  });

  it('of its own name goes down one directory at a time', async () => {
    const files = {
      ...shippedAgg,
      [user('agg')]: 'extends: agg\nmodel: user\n',
      [project('agg')]: 'extends: agg\nnamespace: project\n',
    };
    expect((await load(files, 'agg')).profile).toMatchObject({
      model: 'user',
      namespace: 'project',
      description: 'test',
    });
  });

  it('merges through chains and paths, and null deletes', async () => {
    const files = {
      '/project/a.yaml': good.replace('aggregated\n', 'aggregated\n    gpus: 2\n    pageSize: 4\n'),
      '/project/sub/b.yaml': 'extends: ../a.yaml\ncomponents: {worker: {gpus: 3, env: {A: 1.10}}}\n',
      '/project/c.yaml': 'extends: ./sub/b.yaml\ncomponents: {worker: {pageSize: null, env: {B: on}}}\n',
    };
    const { worker } = (await load(files, 'c.yaml')).profile.components;
    expect(worker).toMatchObject({ gpus: 3, env: { A: '1.10', B: 'on' } });
    expect(worker).not.toHaveProperty('pageSize');
  });

  it('an error names the file that contains it', async () => {
    const files = {
      [shipped('agg')]: `${good}env: {A-: 1}\n`,
      '/project/my.yaml': 'extends: agg\ncomponents: {worker: {gpus: x}}\n',
    };
    const { details } = (await load(files, 'my.yaml').catch((reason: unknown) => reason)) as DynamoError;
    expect(details.map((frame) => frame.split(' ')[0])).toEqual([
      '/pkg/launch-profiles/agg.yaml:11:7:',
      'my.yaml:2:29:',
    ]);
  });

  it('a cycle is shown completely', async () => {
    const files = {
      [project('a')]: 'extends: b\n',
      [project('b')]: 'extends: c\n',
      [user('c')]: 'extends: a\n',
    };
    const { details } = (await load(files, 'a').catch((reason: unknown) => reason)) as DynamoError;
    expect(details[0]).toContain(
      `${user('c')}:1:10: extends: these profiles extend each other: a → b → c → a`,
    );
  });
});

describe('parameters', () => {
  const text =
    `${good}parameters:\n  m: {type: string, default: d, description: x, env: M}\n  n: {type: integer, description: x}\nservedModelName: a-\${m}$\${m}\nenv: {N: "\${n}"}\n`.replace(
      'aggregated\n',
      'aggregated\n    pageSize: ${n}\n    engineArgs: {sim: [x, "${n}"]}\n',
    );
  const at = async (words: string[], environment = {}) =>
    (await load({ '/project/x.yaml': text }, 'x.yaml', { settings: set(...words), environment })).profile;

  it('are typed, escaped, and omitted if unset', async () => {
    expect(await at(['n=7'])).toMatchObject({
      servedModelName: 'a-d${m}',
      env: { N: '7' },
      components: { worker: { pageSize: 7, engineArgs: { sim: ['x', '7'] } } },
      parameters: { n: { value: 7, from: 'option' }, m: { value: 'd', from: 'default', env: ['M'] } },
    });
    const unset = await at([]);
    expect(unset.env).toEqual({});
    expect(unset.components['worker']).toMatchObject({ engineArgs: { sim: ['x'] } });
    expect(unset.components['worker']).not.toHaveProperty('pageSize');
  });

  it('come from option, variable, default, in this order; only declared variables are read', async () => {
    expect((await at([], { M: 'e', N: '3', n: '3' })).parameters).toMatchObject({
      m: { value: 'e', from: 'environment' },
      n: { value: undefined, from: 'default' },
    });
    expect((await at(['m=o', 'm=last'], { M: 'e' })).parameters['m']).toMatchObject({
      value: 'last',
      from: 'option',
    });
  });

  it('a dotted path sets, creates and deletes values', async () => {
    const profile = await at([
      'n=7',
      'components.worker.pageSize=null',
      'components.worker.memory.saver=true',
      'env.X=1.10',
      'description=a: b',
    ]);
    expect(profile).toMatchObject({
      env: { X: '1.10' },
      description: 'a: b',
      components: { worker: { memory: { saver: true } } },
    });
    expect(profile.components['worker']).not.toHaveProperty('pageSize');
  });
});

describe('validate', () => {
  it('also checks overlays that do not apply now', async () => {
    const text = `${good}parameters: {big: {type: boolean, default: false, description: x}}\noverlays:\n  - when: {big: true}\n    set: {components: {worker: {gpsu: 2}}}\n`;
    const asked = request(memoryFiles({ '/project/x.yaml': text }), 'x.yaml');
    await expect(loadProfile(asked)).resolves.toBeDefined();
    await expect(validateProfile(asked)).rejects.toMatchObject({
      details: [expect.stringContaining('x.yaml:14:33: components.worker.gpsu: unknown key')],
    });
  });
});

it('loading throws only DynamoError, whatever the file contains', async () => {
  const pieces = fc.constantFrom(
    'a',
    ': ',
    '\n',
    '  ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '&a ',
    '*a ',
    '"',
    "'",
    '!',
    '|',
    '? ',
    '---\n',
    '\t',
    '\r',
    '${',
    '}',
    '#',
    'extends: ',
    'components',
    'parameters',
    'overlays',
    'null',
    '<<',
  );
  const text = fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join(''));
  const mixed = fc.tuple(text, fc.boolean()).map(([part, after]) => (after ? good + part : part));
  const bytes = fc.uint8Array({ maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(fc.oneof(mixed, fc.string(), bytes), async (content) => {
      const error = await loadProfile(request(memoryFiles({ '/project/x.yaml': content }), 'x.yaml')).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error === undefined || error instanceof DynamoError).toBe(true);
    }),
    { numRuns: 400 },
  );
});

it('an unreadable file is reported with its path', async () => {
  const files = {
    list: async () => [],
    read: async () => Promise.reject(new Error('EACCES: permission denied')),
  };
  await expect(loadProfile(request(files, './x.yaml'))).rejects.toMatchObject({
    exitCode: 77,
    message: expect.stringContaining('Cannot read x.yaml'),
  });
});
