/** `dynamo infra`: an etcd and a NATS that stay up between runs and are shared by the runs of this user. */
import type { Environment } from '../base/environment.ts';
import { type Command, Option } from 'commander';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import type { Images } from '../plan/container.ts';
import { infraNames } from '../plan/infra.ts';
import { makeInfraPlan, sharedRunName } from '../plan/infra-plan.ts';
import type { Plan } from '../plan/plan.ts';
import { isAlive } from '../process/identity.ts';
import { stateFolders, type StateFolders } from '../run/folders.ts';
import { isDead, readPlan, storedRuns, type StoredRun } from '../run/record.ts';
import { fitLines, terminalWidth } from '../view/wrap.ts';
import { choiceLines } from '../view/choice-lines.ts';
import { infraRows } from '../view/panel.ts';
import { styleFor } from '../view/style.ts';
import { dataName, image } from './up/deployment-options.ts';
import { down } from './down.ts';
import { prepareFromRequest } from '../deployment/prepare-run.ts';
import { isInfraOnly, sharedRun } from '../deployment/infra-facts.ts';
import { knownRuns } from '../deployment/kept-runs.ts';
import { requireLinux } from '../package/platform.ts';
import { reapDeadRuns } from '../deployment/reap-dead-runs.ts';
import { type DetachFlags, detach } from './up/detached.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo infra up                        start etcd and NATS in the background
  dynamo up agg_router --discovery etcd  start a run that uses them, in its own namespace
  dynamo infra status                    show their addresses, and which runs use them
  dynamo infra up --infra docker         start them in containers
  dynamo infra up --persist mine         keep their data after infra down`;

interface InfraUpFlags extends DetachFlags {
  readonly infra: 'process' | 'docker';
  readonly image: Images;
  readonly persist?: string;
}

export const configure: Configure = (command, settle, environment) => {
  command
    .argument('[what]')
    .addHelpText('after', examples)
    .action((what: string | undefined) => {
      throw unknownSubcommand(what);
    });
  command
    .command('up')
    .description('start them, unless they are already up')
    .addOption(
      new Option('--infra <how>', 'how to run them').choices(['process', 'docker']).default('process'),
    )
    .option('--image <name=reference>', 'with --infra docker: image of etcd or nats (repeatable)', image, {})
    .option('--persist <name>', 'keep their data under this name', dataName)
    .option('--json', 'print their addresses as JSON')
    .option('-q, --quiet', 'no progress, only the result')
    .action(async (flags: InfraUpFlags) => settle(await infraUp(flags, environment)));
  command
    .command('down')
    .description('stop them and verify that nothing is left')
    .option('--force', 'stop them even while runs use them')
    .action(async (flags: { force?: true }) => settle(await infraDown(flags.force === true, environment)));
  command
    .command('status')
    .description('show their addresses, and which runs use them')
    .option('--json', 'as JSON on stdout')
    .action((flags: { json?: true }) => settle(infraStatus(flags.json === true, environment)));
  subcommandsLikeOurs(command);
};

function subcommandsLikeOurs(command: Command): void {
  command.allowExcessArguments();
  for (const sub of command.commands) sub.exitOverride().configureOutput({ outputError: () => {} });
}

function unknownSubcommand(what: string | undefined): DynamoError {
  const known = ['up', 'down', 'status'];
  const meant = what === undefined ? undefined : nearest(what, known);
  const message =
    what === undefined ? 'dynamo infra needs a subcommand.' : `There is no command "infra ${what}".`;
  return new DynamoError('usage', message, {
    hint:
      meant === undefined
        ? `dynamo infra ${known.join(', dynamo infra ')}`
        : `did you mean: dynamo infra ${meant}`,
    fields: { asked: what, choices: known, nearest: meant },
  });
}

/** When they are already up, there is nothing to do. */
async function infraUp(flags: InfraUpFlags, environment: Environment): Promise<number> {
  requireLinux('infra up');
  const folders = stateFolders(environment);
  const say = (line: string): void => void (flags.quiet === true || process.stderr.write(`${line}\n`));
  await reapDeadRuns({ folders, environment }, say);
  if (sharedRun(folders) !== undefined) return infraStatus(flags.json === true, environment);
  const why = 'dynamo infra up';
  const prepared = await prepareFromRequest({
    name: sharedRunName,
    detached: true,
    environment,
    facts: {
      ports: [],
      engine: 'none',
      python: undefined,
      infra: { needs: { etcd: why, nats: why }, source: flags.infra, images: flags.image },
    },
    plan: (host) => ({ plan: makeInfraPlan({ ...flags, images: flags.image }, host), secrets: {} }),
  });
  for (const line of choiceLines(prepared.plan, styleFor(process.stderr, environment)))
    say(fitLines(line, terminalWidth(process.stderr)));
  return await detach(prepared, flags);
}

async function infraDown(force: boolean, environment: Environment): Promise<number> {
  requireLinux('infra down');
  const folders = stateFolders(environment);
  const run = sharedRun(folders) ?? (await dyingSharedRun(folders));
  if (run === undefined) {
    process.stderr.write('no shared etcd and NATS are up\n');
    return 0;
  }
  const users = usersOf(folders, run.record.runId);
  if (users.length > 0 && !force) {
    const names = users.map(({ name }) => name);
    throw new DynamoError('busy', `These runs use ${run.record.runId}: ${names.join(', ')}.`, {
      hint: `dynamo down ${names[0]}   # or: dynamo infra down --force`,
      fields: { runId: run.record.runId, runs: users.map(({ runId }) => runId) },
    });
  }
  return await down(run.record.runId, {}, environment);
}

/** Its supervisor was killed: its processes may be alive. Its plan may be lost. */
async function dyingSharedRun(folders: StateFolders): Promise<StoredRun | undefined> {
  const runs = await knownRuns(folders);
  return runs.findLast((run) => isDead(run) && (isInfraOnly(run) || run.record.name === sharedRunName));
}

/** Throws `unavailable` when they are not up, so that scripts can test for it. */
function infraStatus(json: boolean, environment: Environment): number {
  requireLinux('infra status');
  const folders = stateFolders(environment);
  const run = sharedRun(folders);
  const plan = run === undefined ? undefined : readPlan(run.files);
  if (run === undefined || plan === undefined) {
    throw new DynamoError('unavailable', 'No shared etcd and NATS are up.', { hint: 'dynamo infra up' });
  }
  const users = usersOf(folders, plan.runId).map(({ runId }) => runId);
  if (json) {
    const { runId, infra } = plan;
    const places = Object.fromEntries(infraNames.map((name) => [name, infra?.[name]]));
    process.stdout.write(`${JSON.stringify({ version: 1, runId, ...places, users }, undefined, 2)}\n`);
    return 0;
  }
  const style = styleFor(process.stdout, environment);
  const lines = [style.bold(plan.runId), ...infraRows(plan, style)];
  process.stdout.write(`${[...lines, `  Runs  ${users.join(', ') || 'none use them'}`].join('\n')}\n`);
  return 0;
}

/** Live runs that use this one. */
function usersOf(folders: StateFolders, sharedId: string): Plan[] {
  return storedRuns(folders, isAlive)
    .filter(({ supervised }) => supervised)
    .flatMap(({ files }) => readPlan(files) ?? [])
    .filter(({ infra }) =>
      infraNames.some((name) => {
        const use = infra?.[name];
        return use?.from === 'shared' && use.runId === sharedId;
      }),
    );
}
