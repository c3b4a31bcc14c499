/** `dynamo open`: prints the URL of a run, and opens a browser on its API where there is a display. */
import type { Environment } from '../base/environment.ts';
import { clientUrl } from '../plan/plan.ts';
import { spawnDetached } from '../process/spawn.ts';
import { stateFolders } from '../run/folders.ts';
import { livePlan } from '../deployment/find-run.ts';
import { requireLinux } from '../package/platform.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo open                     open the run that is up in a browser
  dynamo open disagg --print      print only the URL
  curl $(dynamo open)/v1/models   use the URL in a script, where no browser is opened

The browser shows /docs, the frontend's own API page, where requests can be tried. A frontend without that page, as that of
the engine sim, shows /v1/models.`;

const pageWithinMs = 2_000;

export const configure: Configure = (command, settle, environment) => {
  command
    .argument('[run]', 'name or id of a run; default: the one that is up')
    .option('--print', 'print the URL only')
    .addHelpText('after', examples)
    .action(async (asked: string | undefined, flags: { print?: true }) =>
      settle(await open(asked, flags, environment)),
    );
};

async function open(
  asked: string | undefined,
  { print }: { print?: true },
  environment: Environment,
): Promise<number> {
  requireLinux('open');
  const url = clientUrl(livePlan(stateFolders(environment), asked, 'open').plan);
  process.stdout.write(`${url}\n`);
  const { DISPLAY: x11, WAYLAND_DISPLAY: wayland } = environment;
  if (print === true || !process.stdout.isTTY || (!x11 && !wayland)) return 0;
  // In its own session: some browsers end with the process that started them.
  await spawnDetached(['xdg-open', `${url}${await pageOf(url)}`], undefined, environment);
  return 0;
}

/** A page to look at: every frontend answers / with 404. */
async function pageOf(url: string): Promise<string> {
  const isThere = await fetch(`${url}/docs`, { signal: AbortSignal.timeout(pageWithinMs) }).then(
    ({ ok }) => ok,
    () => false,
  );
  return isThere ? '/docs' : '/v1/models';
}
