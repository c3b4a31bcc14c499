/** The JUnit report against the schema that Jenkins and pytest hold theirs to, by libxml2's own validator. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { junitXml } from '../../../src/smoke/junit.ts';
import { mixedSuites } from '../../support/smoke-suites.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** Of Jenkins' xunit plugin. */
const schema = fileURLToPath(new URL('../../fixtures/junit/junit-10.xsd', import.meta.url));

function validate(xml: string): string {
  const file = join(tempFolder(), 'report.xml');
  writeFileSync(file, xml);
  return execFileSync('xmllint', ['--noout', '--schema', schema, file], { encoding: 'utf8', stdio: 'pipe' });
}

test('a report with everything in it is valid', () => {
  expect(() => validate(junitXml(mixedSuites, 'host'))).not.toThrow();
});

test('the validator would notice', () => {
  expect(() => validate(junitXml(mixedSuites, 'host').replace(' tests="3"', ''))).toThrow(/tests/);
});
