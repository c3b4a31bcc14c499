/** `up --ui`: starts the page of a run in a process of its own, which ends with the run. */
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { readOwnFile } from '../../host/own-file.ts';
import type { PreparedRun } from '../../deployment/tidy-up.ts';
import { ownCommand } from '../../package/self.ts';
import { isAlive } from '../../process/identity.ts';
import { spawnDetached } from '../../process/spawn.ts';
import { openInBrowser } from '../browser.ts';

/** Node starts slowly on a busy host. */
const linkWithinMs = 10_000;
const pauseMs = 20;

/** A line for people: the link, or why there is none. A run needs no page: it starts all the same. */
export async function servePageOf({ plan, files, environment }: PreparedRun): Promise<string> {
  const { variables } = environment;
  const [link, log] = [join(files.folder, 'page.link'), join(files.folder, 'page.log')];
  const words = ['ui', plan.runId, '--no-browser', '--until-ended', link];
  const server = await spawnDetached([...ownCommand(), ...words], log, variables);
  const until = performance.now() + linkWithinMs;
  while (performance.now() < until && isAlive(server)) {
    const read = readOwnFile(link);
    if (read.kind === 'text' && read.text.endsWith('\n')) {
      const url = read.text.trim();
      await openInBrowser(url, variables);
      return `page: ${url}`;
    }
    await systemClock.sleep(pauseMs);
  }
  return `no page: it did not start within ${linkWithinMs / 1000} s; see ${log}, or try: dynamo ui`;
}
