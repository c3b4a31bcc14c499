/** Validates a JUnit report with libxml2 against the schema that Jenkins and pytest use. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Of Jenkins' xunit plugin. */
const schema = fileURLToPath(new URL('../../fixtures/junit/junit-10.xsd', import.meta.url));

/** Throws the errors found. */
export function validateJunit(file: string): void {
  execFileSync('xmllint', ['--noout', '--schema', schema, file], { encoding: 'utf8', stdio: 'pipe' });
}
