/** `dynamo setup`: a Python environment with Dynamo, and etcd and NATS, made in the user's own folders. */
import { type Command, Option } from 'commander';
import { setupEngines, upstreamEngines } from '../engine/engines.ts';
import { list } from './setup/list.ts';
import type { SetupFlags } from './setup/make.ts';
import { remove } from './setup/remove.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo setup                                   what this host can use: SGLang with GPUs, the mocker without
  dynamo setup --engine sglang --version 1.4.2   NVIDIA Dynamo with SGLang and torch, 10 GB
  dynamo setup --engine mocker --infra           the GPU-free engine, 0.4 GB, with etcd and NATS
  dynamo setup --dry-run                         what would be installed, with every override and its reason
  dynamo setup list                              what is here, and what up would take
  dynamo setup remove mocker-1.6.1

Everything goes below $XDG_DATA_HOME/dynamo (~/.local/share/dynamo); the system and your own environments stay as they
are. An environment of yours that holds what is asked for is used as it is. Stopped half way, the same command goes on.

Exit codes: 0 done or there already, 64 bad flag or version, 69 the registry, 73 disk full, 75 another setup is at work,
78 the host lacks something, 130 Ctrl-C, 143 SIGTERM.`;

export const configure: Configure = (command: Command, settle, environment) => {
  command
    .addOption(
      new Option(
        '--engine <engine>',
        `what shall serve; default: ${setupEngines.withGpus} with GPUs, else ${setupEngines.withoutGpus}`,
      ).choices(Object.keys(upstreamEngines).toSorted()),
    )
    .option('--version <version>', 'of Dynamo, or latest: the newest that the registry has')
    .option('--python <python>', 'interpreter or version to start from, or an environment to take as it is')
    .option('--infra', 'etcd and nats-server; alone, or beside --engine')
    .option('--no-adopt', 'make one also where an environment of yours would do')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--json', 'as JSON on stdout')
    .addHelpText('after', examples)
    .action(async (flags: SetupFlags) => {
      const { setUp } = await import('./setup/make.ts');
      settle(await setUp(flags, environment));
    });
  command
    .command('list')
    .description('what was made, and what `up` would take')
    .option('--json', 'as JSON on stdout')
    .action(async (_, self: Command) =>
      settle(await list(self.optsWithGlobals<{ json?: true }>(), environment)),
    );
  command
    .command('remove')
    .description('remove environments that `dynamo setup` made')
    .argument('[names...]', 'as `dynamo setup list` shows them; infra for etcd and NATS')
    .option('-a, --all', 'everything that `dynamo setup` made')
    .action(async (names: string[], flags: { all?: true }) =>
      settle(await remove(names, flags, environment)),
    );
  for (const sub of command.commands) sub.exitOverride().configureOutput({ outputError: () => {} });
};
