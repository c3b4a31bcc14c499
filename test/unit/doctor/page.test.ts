/** The documentation matches the table of checks. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checks } from '../../../src/doctor/table.ts';

const page = readFileSync(new URL('../../../docs/doctor.md', import.meta.url), 'utf8');

test('docs/doctor.md has a heading for each check, in order, with severity and title', () => {
  const headings = [...page.matchAll(/^### (D\d\d) ([a-z-]+) \((warns|fails)\)\n\n(.+?)[.:] /gm)];
  expect(headings.map(([, id, name, severity, title]) => ({ id, name, severity, title }))).toEqual(
    checks.map(({ id, name, severity, title }) => ({
      id,
      name,
      severity: `${severity}s`,
      title: title.charAt(0).toUpperCase() + title.slice(1),
    })),
  );
});

test('docs/doctor.md says for each check what it looks at and how to fix it', () => {
  const sections = page.split(/^### /m).slice(1);
  expect(sections).toHaveLength(checks.length);
  for (const section of sections) {
    expect(section).toMatch(/^- Looks at: /m);
    expect(section).toMatch(/^- Fix: /m);
  }
});
