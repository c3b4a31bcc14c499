/** docs/diagnosis.md matches the rules. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { rules } from '../../../src/doctor/rule-table.ts';
import { checks } from '../../../src/doctor/table.ts';

const page = readFileSync(new URL('../../../docs/diagnosis.md', import.meta.url), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test('every rule has a row with its evidence, fix and check, in order', () => {
  const heading = rows.findIndex(([first]) => first === 'rule');
  const listed = rows.slice(heading + 2, heading + 2 + rules.length);
  expect(listed).toEqual(rules.map(({ id, sees, fixes, check }) => [`\`${id}\``, sees, fixes, check ?? '–']));
  expect(rows[heading + 2 + rules.length]?.[0]).toBe("upstream's entry");
});

test('references of the page and the rules exist', () => {
  const ids = new Set<string>(checks.map(({ id }) => id));
  const named = [...page.matchAll(/\bD\d\d\b/g)].map(([id]) => id);
  expect(named.filter((id) => !ids.has(id))).toEqual([]);
  const entries = rows.slice(rows.findIndex(([first]) => first === "upstream's entry") + 2);
  const known = new Set(rules.map(({ id }) => id));
  const unknown = entries.flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([\w-]+)`/g)].flatMap(([, id = '']) => (known.has(id) ? [] : [id])),
  );
  expect(unknown).toEqual([]);
});
