/** Opens a page in the browser of whoever sits before this terminal. */
import type { Environment } from '../base/environment.ts';
import { spawnDetached } from '../process/spawn.ts';

/** Where there is a screen, and somebody who looks at it. */
export function hasScreen({ DISPLAY: x11, WAYLAND_DISPLAY: wayland }: Environment): boolean {
  return process.stdout.isTTY && Boolean(x11 || wayland);
}

/** Does nothing where `hasScreen` is false. */
export async function openInBrowser(url: string, environment: Environment): Promise<void> {
  // In its own session: some browsers end with the process that started them.
  if (hasScreen(environment)) await spawnDetached(['xdg-open', url], undefined, environment);
}
