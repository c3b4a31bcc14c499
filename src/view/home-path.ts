/** Paths as people write them: the home folder as ~. */
import { homedir } from 'node:os';

export function homePath(path: string, home = homedir()): string {
  return path === home || path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
