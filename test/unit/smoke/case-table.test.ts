/** Which requests apply to which profile: every shipped one gets those of its kind, and no others. */
import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { loadProfile } from '../../../src/profile/load.ts';
import { casesFor, smokeCases } from '../../../src/smoke/case-table.ts';
import { foreignTarget, ownTarget } from '../../../src/smoke/target.ts';
import { host, options } from '../../support/profile.ts';
import { diskFiles, shippedFolder } from '../profile/memory-files.ts';

const library = {
  files: diskFiles,
  directories: { project: '/nowhere/a', user: '/nowhere/b', shipped: shippedFolder },
  cwd: '/nowhere',
};

async function casesOf(name: string): Promise<string[]> {
  const { profile } = await loadProfile({ ...library, asked: name, environment: {}, settings: [] });
  return casesFor(ownTarget(makePlan(profile, options(), host()), profile)).map((each) => each.name);
}

const text = [
  'chat',
  'chat-stream',
  'two-turns',
  'completions',
  'usage',
  'stop',
  'max-tokens',
  'unknown-model',
  'cancelled-stream',
  'concurrency',
  'metrics',
];

const more: Readonly<Record<string, readonly string[]>> = {
  agg: [],
  agg_router: ['kv-reuse'],
  disagg: ['disagg-roles'],
  disagg_same_gpu: ['disagg-roles'],
  disagg_router: ['disagg-roles', 'kv-reuse'],
  vision: ['vision'],
};

/** Their encode workers refuse requests without an image, so chat requests have one, and completions cannot. */
const withImages = ['multimodal_epd', 'multimodal_disagg'];

describe('cases that apply', () => {
  for (const [name, own] of Object.entries(more)) {
    it(`${name}: text${own.map((each) => `, ${each}`).join('')}`, async () => {
      expect((await casesOf(name)).toSorted()).toEqual([...text, ...own].toSorted());
    });
  }

  for (const name of withImages) {
    it(`${name}: chats, vision, disagg-roles`, async () => {
      const own = [...text.filter((each) => each !== 'completions'), 'disagg-roles', 'vision'];
      expect((await casesOf(name)).toSorted()).toEqual(own.toSorted());
    });
  }

  it('diffusion_lm: text, except where its blocks would be cut', async () => {
    expect((await casesOf('diffusion_lm')).toSorted()).toEqual(
      text.filter((each) => each !== 'max-tokens').toSorted(),
    );
  });

  it('embeddings, images and videos have their own requests', async () => {
    expect(await casesOf('embeddings')).toEqual(['embeddings', 'unknown-model', 'metrics']);
    expect(await casesOf('diffusion')).toEqual(['image', 'unknown-model']);
    expect(await casesOf('video')).toEqual(['video', 'unknown-model']);
  });

  it('a foreign deployment is assumed to chat; its workers cannot be counted', () => {
    const target = foreignTarget('http://gpu7:8000', 'm', undefined);
    expect(target.url).toBe('http://gpu7:8000');
    expect(casesFor(target).map((each) => each.name)).toEqual(
      smokeCases.map((each) => each.name).filter((name) => text.includes(name)),
    );
  });
});
