// Compiles the child once per run.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const source = new URL('child.c', import.meta.url).pathname;
let built;

async function build() {
  const folder = mkdtempSync(join(tmpdir(), 'bench-child-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, 'child');
  await promisify(execFile)('cc', ['-O2', '-o', program, source]).catch((cause) => {
    throw new Error('The bench needs a C compiler (cc) for the program that all launchers supervise.', {
      cause,
    });
  });
  return program;
}

/** Path of the program; throws if there is no C compiler. */
export function childProgram() {
  built ??= build();
  return built;
}
