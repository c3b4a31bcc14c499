/** Names of profiles as people type them: `-` is `_`, and upstream's scripts come with path and `.sh`. */
import { posix } from 'node:path';

/** What two names of one profile have in common. */
export function sameName(a: string, b: string): boolean {
  return plainName(a) === plainName(b);
}

export function plainName(name: string): string {
  return name.replaceAll('-', '_');
}

export function isYamlFile(name: string): boolean {
  return /\.ya?ml$/i.test(name);
}

/** Name of the profile that a file holds: the file's own name. */
export function nameOfFile(file: string): string {
  return lastPart(file).replace(/\.ya?ml$/i, '');
}

/** Whether the words can only mean one of upstream's launch scripts. */
export function looksLikeScript(asked: string): boolean {
  return asked.endsWith('.sh') || /[/\\]/.test(asked);
}

/** `./launch/lora/agg.sh` → `agg`. */
export function nameOfScript(asked: string): string {
  return lastPart(asked).replace(/\.sh$/, '');
}

/** A path as people should see it: relative when it lies below where they are. */
export function shownPath(file: string, cwd: string): string {
  const folder = cwd.endsWith('/') ? cwd : `${cwd}/`;
  return file.startsWith(folder) ? file.slice(folder.length) : file;
}

function lastPart(path: string): string {
  return posix.basename(path.replaceAll('\\', '/'));
}
