/** The registry of engines is complete, and the only place that names engines. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { compareVersions, isVersion } from '../../../src/base/package-version.ts';
import { backends, engineNames, engines, findEngine, upstreamEngines } from '../../../src/engine/engines.ts';

test('each engine is found by its name', () => {
  for (const [key, kind] of Object.entries(engines)) {
    expect(kind.name).toBe(key);
    expect(findEngine(key)).toBe(kind);
  }
  expect(engineNames).toEqual(Object.keys(engines));
  expect(findEngine('none')).toBeUndefined();
});

test('no two engines share a worker module or a backend', () => {
  const modules = Object.values(upstreamEngines).map(({ python }) => python.worker.module);
  expect(new Set(modules).size).toBe(modules.length);
  const distributions = backends.map(({ distribution }) => distribution);
  expect(new Set(distributions).size).toBe(distributions.length);
});

test('version ranges of allowed and replaced packages are not empty', () => {
  for (const { python } of Object.values(upstreamEngines)) {
    for (const { since, before } of [...python.preReleases, ...python.overrides]) {
      expect(isVersion(since)).toBe(true);
      if (before !== undefined) expect(compareVersions(before, since)).toBeGreaterThan(0);
    }
  }
});

/** Other uses of the name: a chat processor, a backend of AIConfigurator, the purpose of an image, a field of the facts. */
const namesakes = new Set([
  'advise/question.ts: sglang',
  'profile/schema.ts: sglang',
  'plan/container.ts: sim',
  'deployment/host-facts.ts: sim',
]);

test('only engine rooms compare with the name of an engine', () => {
  const src = fileURLToPath(new URL('../../../src', import.meta.url));
  // A field of that name in square brackets does not count.
  const literal = new RegExp(`(?<!\\[)'(${engineNames.join('|')})'`, 'g');
  const found = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/^(engine|sim)\//.test(file))
    .flatMap((file) =>
      [...withoutTexts(readFileSync(join(src, file), 'utf8')).matchAll(literal)].map(
        ([, name]) => `${file}: ${name}`,
      ),
    );
  expect(found.filter((each) => !namesakes.has(each))).toEqual([]);
});

/** Without double-quoted and back-quoted texts, which quote other programs. */
function withoutTexts(code: string): string {
  return code.replace(/"[^"\n]*"|`[^`]*`/g, '');
}
