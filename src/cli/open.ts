/** `dynamo open`: prints the URL of a run, and opens a browser on its API where there is a display. */
import type { Environment } from '../base/environment.ts';
import { clientUrl } from '../plan/plan.ts';
import { stateFolders } from '../run/folders.ts';
import { livePlan } from '../deployment/find-run.ts';
import { hasScreen, openInBrowser } from './browser.ts';
import { chosenOnCluster } from './kubernetes/chosen.ts';
import { addPlaceOptions, type PlaceFlags } from './kubernetes/place-options.ts';
import { requireLinux } from '../package/platform.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo open                     open the run that is up in a browser
  dynamo open disagg --print      print only the URL
  curl $(dynamo open)/v1/models   use the URL in a script, where no browser is opened

The browser shows /docs, the frontend's own API page, where requests can be tried. A frontend without that page, such as that
of the engine sim, shows /v1/models. For a deployment on a cluster it keeps a port-forward until Ctrl-C; --print prints the
URL inside the cluster.`;

const pageWithinMs = 2_000;

export const configure: Configure = (command, settle, environment) => {
  addPlaceOptions(command)
    .argument('[run]', 'name or id of a run; default: the one that is up')
    .option('--print', 'print the URL only')
    .addHelpText('after', examples)
    .action(async (asked: string | undefined, flags: OpenFlags) =>
      settle(await open(asked, flags, environment)),
    );
};

interface OpenFlags extends PlaceFlags {
  readonly print?: true;
}

async function open(asked: string | undefined, flags: OpenFlags, environment: Environment): Promise<number> {
  const print = flags.print === true;
  const cluster = await chosenOnCluster(asked, flags, 'open', environment);
  if (cluster !== undefined) {
    const { openOnCluster } = await import('./kubernetes/reach.ts');
    const show = async (url: string): Promise<void> => await showInBrowser(url, environment);
    return await openOnCluster(cluster, environment, print ? undefined : show);
  }
  requireLinux('open');
  const url = clientUrl(livePlan(stateFolders(environment), asked, 'open').plan);
  process.stdout.write(`${url}\n`);
  if (!print) await showInBrowser(url, environment);
  return 0;
}

async function showInBrowser(url: string, environment: Environment): Promise<void> {
  if (hasScreen(environment)) await openInBrowser(`${url}${await pageOf(url)}`, environment);
}

/** A page that exists: every frontend answers / with 404. */
async function pageOf(url: string): Promise<string> {
  const isThere = await fetch(`${url}/docs`, { signal: AbortSignal.timeout(pageWithinMs) }).then(
    ({ ok }) => ok,
    () => false,
  );
  return isThere ? '/docs' : '/v1/models';
}
