/** Shipped profiles known by their content: same result as without this shortcut, and only without settings. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KnownProfile } from '../../../src/profile/profile.ts';
import { loadProfile, type ProfileRequest } from '../../../src/profile/load.ts';
import { workOut } from '../../../src/profile/assemble.ts';
import { diskFiles, memoryFiles, request, set, shippedFolder } from './memory-files.ts';

const library = {
  files: diskFiles,
  directories: { project: '/nowhere/a', user: '/nowhere/b', shipped: shippedFolder },
  cwd: '/nowhere',
};
const textOf = async (name: string) => await readFile(join(shippedFolder, `${name}.yaml`), 'utf8');

const textOfBytes = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** By the text of their files. */
let shipped: ReadonlyMap<string, KnownProfile>;
beforeAll(async () => {
  // As read back from disk.
  shipped = new Map(
    (await workOut(library)).map(({ content, known }) => [
      textOfBytes(content),
      JSON.parse(JSON.stringify(known)) as KnownProfile,
    ]),
  );
});

const mark = ' (known)';

/** The result of this request, and whether the shortcut was used: each known profile has a mark. */
async function loaded(asked: ProfileRequest) {
  const known = async (content: Uint8Array): Promise<KnownProfile | undefined> => {
    const found = shipped.get(textOfBytes(content));
    if (found === undefined) return undefined;
    return { ...found, profile: { ...found.profile, description: found.profile.description + mark } };
  };
  const { profile } = await loadProfile({ ...asked, known });
  const description = profile.description.replace(mark, '');
  return { profile: { ...profile, description }, wasKnown: description !== profile.description };
}

describe('a known profile', () => {
  it.each([
    'agg',
    'agg_router',
    'diffusion',
    'diffusion_lm',
    'disagg',
    'embeddings',
    'multimodal_disagg',
    'multimodal_epd',
    'video',
    'vision',
  ])('%s matches its file', async (asked) => {
    const quick = await loaded({ ...library, asked, settings: [], environment: {} });
    expect(quick.wasKnown).toBe(true);
    const { profile } = await loadProfile({ ...library, asked, settings: [], environment: {} });
    expect(quick.profile).toEqual(profile);
  });

  it('extends no other profile, which might be one of a project', () => {
    expect(shipped.size).toBe(10);
  });

  it('is also found in the folder of a project, and belongs to it', async () => {
    const file = '/project/launch-profiles/mine.yaml';
    const files = memoryFiles({ [file]: await textOf('agg') });
    const { profile, wasKnown } = await loaded(request(files, 'mine'));
    expect(wasKnown).toBe(true);
    expect(profile).toMatchObject({ name: 'mine', origin: 'project', file });
    expect(profile).toEqual((await loadProfile(request(files, 'mine'))).profile);
  });
});

describe('the file is read again', () => {
  it('if one letter has changed', async () => {
    const text = await textOf('agg');
    const files = memoryFiles({
      '/project/my.yaml': text.replace('replicas: 1', 'replicas: 2') + '\n# mine\n',
    });
    const { wasKnown, profile } = await loaded(request(files, './my.yaml'));
    expect(wasKnown).toBe(false);
    expect(profile.name).toBe('my');
  });

  it('if a setting changes it', async () => {
    const { wasKnown, profile } = await loaded({
      ...library,
      asked: 'agg',
      environment: {},
      settings: set('components.worker.replicas=3'),
    });
    expect(wasKnown).toBe(false);
    expect(profile.components['worker']).toMatchObject({ replicas: 3 });
  });

  it('if a variable sets a parameter, but not an empty one', async () => {
    const [variable = ''] = shipped.get(await textOf('diffusion_lm'))?.variables ?? [];
    expect(variable).not.toBe('');
    const asked = { ...library, asked: 'diffusion_lm', settings: [] };
    const long = await loadProfile({ ...asked, environment: { [variable]: '7' } });
    const quick = await loaded({ ...asked, environment: { [variable]: '7' } });
    expect(quick.wasKnown).toBe(false);
    expect(quick.profile).toEqual(long.profile);
    const unset = await loaded({ ...asked, environment: { [variable]: '' } });
    expect(unset.wasKnown).toBe(true);
    expect(quick.profile).not.toEqual(unset.profile);
  });
});
