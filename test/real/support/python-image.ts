/** An image of a Python environment of this host, each file under its own path, created by `docker import`. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DockerDaemon } from './docker.ts';

const run = promisify(execFile);
const maxBuffer = 2 ** 26;

/** What the environment needs, from itself: its interpreter, the standard library, and every shared object. */
const question = `
import pathlib, sys, sysconfig
library, packages = (pathlib.Path(sysconfig.get_path(name)) for name in ("stdlib", "platlib"))
objects = [*(library / "lib-dynload").glob("*.so"), *packages.rglob("*.so*")]
# The names by which an environment links to its interpreter, and that itself.
link = pathlib.Path(sys.executable)
while link.is_symlink():
    link = link.parent / link.readlink()
    objects.append(link)
print(library, sys._base_executable, *objects, sep="\\n")
`;

/**
 * Follows links, because libraries are links to their versions; lib64 of an environment is lib again. Packages
 * installed into the interpreter's own library are excluded. tar exits with 1 if a file changed meanwhile, for
 * example its number of links because of a concurrent installer.
 */
const pipeline = `
set -euo pipefail
{ tar -C / -ch --exclude="$ENVIRONMENT/lib64" \\
    --exclude="$LIBRARY/site-packages" --exclude="$LIBRARY/test" --exclude="$LIBRARY/config-*" \\
    --no-recursion tmp --recursion -T "$FILES" || [ $? = 1 ]; } |
  docker import --change "ENV PATH=/$ENVIRONMENT/bin" - "$REFERENCE"
`;

/**
 * `environment`: its folder; `reference`: name and tag of the image. Takes 20 s for 0.5 GB. `bare`: only the interpreter that it
 * links to, and the libraries that its packages need.
 */
export async function importPython(
  daemon: DockerDaemon,
  environment: string,
  reference: string,
  bare = false,
): Promise<void> {
  const { stdout } = await run(join(environment, 'bin', 'python3'), ['-I', '-c', question], { maxBuffer });
  const [library = '', ...programs] = stdout.trim().split('\n');
  const all = [...(bare ? [] : [environment]), library, ...programs, ...(await librariesOf(programs))];
  const files = all.filter((file) => !bare || !file.startsWith(`${environment}/`));
  const list = mkdtempSync('/tmp/python-image-');
  try {
    writeFileSync(join(list, 'files'), topmost(files).join('\n'));
    await run('bash', ['-c', pipeline], {
      env: {
        PATH: process.env['PATH'],
        DOCKER_HOST: `unix://${daemon.socket}`,
        ENVIRONMENT: environment.slice(1),
        LIBRARY: library.slice(1),
        FILES: join(list, 'files'),
        REFERENCE: reference,
      },
      maxBuffer,
    });
  } finally {
    rmSync(list, { recursive: true });
  }
}

/** Relative to the root, none below another: an image must contain every path once. */
function topmost(files: readonly string[]): string[] {
  const sorted = [...new Set(files)].toSorted();
  return sorted
    .filter((file) => !sorted.some((other) => file.startsWith(`${other}/`)))
    .map((file) => file.slice(1));
}

/** Libraries that the dynamic linker would load for them; missing ones are in the environment itself. */
async function librariesOf(programs: readonly string[]): Promise<string[]> {
  const { stdout } = await run('ldd', [...programs], { maxBuffer }).catch(
    (error: { stdout: string }) => error,
  );
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => library);
}
