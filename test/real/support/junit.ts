/** Holds a JUnit report to the schema that Jenkins and pytest hold theirs to, by libxml2's own validator. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Of Jenkins' xunit plugin. */
const schema = fileURLToPath(new URL('../../fixtures/junit/junit-10.xsd', import.meta.url));

/** Throws what is wrong with it. */
export function validateJunit(file: string): void {
  execFileSync('xmllint', ['--noout', '--schema', schema, file], { encoding: 'utf8', stdio: 'pipe' });
}
