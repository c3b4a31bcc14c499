/** The JUnit report against its schema, with everything that is difficult for a report. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { junitXml } from '../../../src/smoke/reports.ts';
import { mixedSuites } from '../../support/smoke-suites.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { validateJunit } from '../support/junit.ts';

function validate(xml: string): void {
  const file = join(tempFolder(), 'report.xml');
  writeFileSync(file, xml);
  validateJunit(file);
}

test('a report with everything in it is valid', () => {
  expect(() => validate(junitXml(mixedSuites, 'host'))).not.toThrow();
});

test('the validator detects errors', () => {
  expect(() => validate(junitXml(mixedSuites, 'host').replace(' tests="3"', ''))).toThrow(/tests/);
});
