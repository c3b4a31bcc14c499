/** `dynamo setup`: a Python environment with Dynamo, and etcd and NATS, made in the user's own folders. */
import { type Command, Option } from 'commander';
import { setupEngines, upstreamEngines } from '../engine/engines.ts';
import { additionNames } from '../python/recipe.ts';
import { toolNames } from '../python/tools.ts';
import { list, remove } from './setup/installed.ts';
import type { SetupFlags } from './setup/make.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo setup                                   install SGLang on a host with GPUs, the mocker elsewhere
  dynamo setup --engine sglang --version 1.4.2   install NVIDIA Dynamo with SGLang and torch, 10 GB
  dynamo setup --engine mocker --infra           install the GPU-free engine, 0.4 GB, with etcd and NATS
  dynamo setup --engine mocker --with planner    install it with what dynamo up --planner needs, 0.9 GB
  dynamo setup --tool aiconfigurator             install what dynamo advise asks, 0.7 GB
  dynamo setup --dry-run                         show what would be installed, with the reason for each override
  dynamo setup list                              list what is installed, and what up would use
  dynamo setup remove mocker-1.6.1

Everything is installed below $XDG_DATA_HOME/dynamo (~/.local/share/dynamo); the system and your own environments are not
changed. If one of your environments already has what you asked for, it is used. To continue after an interruption, run the
same command again.

Exit codes: 0 done or already installed, 64 bad flag or version, 69 registry not available, 73 disk full, 75 another setup is
running, 78 missing prerequisite, 130 Ctrl-C, 143 SIGTERM.`;

export const configure: Configure = (command: Command, settle, environment) => {
  command
    .addOption(
      new Option(
        '--engine <engine>',
        `engine to install; default: ${setupEngines.withGpus} with GPUs, else ${setupEngines.withoutGpus}`,
      ).choices(Object.keys(upstreamEngines).toSorted()),
    )
    .option('--version <version>', 'version of Dynamo, or latest for the newest in the registry')
    .option(
      '--python <python>',
      'Python interpreter or version to start from, or an environment to use as it is',
    )
    .option('--infra', 'install etcd and nats-server; without --engine, only these')
    .addOption(
      new Option('--tool <tool>', 'a program that advise or bench uses; without --engine, only this').choices(
        toolNames,
      ),
    )
    .addOption(
      new Option('--with <addition>', 'what else the engine gets: planner, for `up --planner`').choices(
        additionNames,
      ),
    )
    .option('--no-adopt', 'create an environment even if one of yours would do')
    .option('--dry-run', 'show what would be done, change nothing')
    .option('--json', 'print JSON')
    .addHelpText('after', examples)
    .action(async (flags: SetupFlags) => {
      const { setUp } = await import('./setup/make.ts');
      settle(await setUp(flags, environment));
    });
  command
    .command('list')
    .description('list what was installed, and what `up` would use')
    .option('--json', 'print JSON')
    .action(async (_, self: Command) =>
      settle(await list(self.optsWithGlobals<{ json?: true }>(), environment)),
    );
  command
    .command('remove')
    .description('remove what `dynamo setup` installed')
    .argument('[names...]', 'names as `dynamo setup list` shows them; infra for etcd and NATS')
    .option('-a, --all', 'remove everything that `dynamo setup` installed')
    .action(async (names: string[], flags: { all?: true }) =>
      settle(await remove(names, flags, environment)),
    );
  for (const sub of command.commands) sub.exitOverride().configureOutput({ outputError: () => {} });
};
