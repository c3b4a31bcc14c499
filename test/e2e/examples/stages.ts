/** The set-up that the examples of each command need. */
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { docFile } from '../../support/doc-blocks.ts';
import { fakeConfigurator } from '../../support/fake-configurator.ts';
import { fakeInstaller } from '../../support/fake-uv.ts';
import { packageFolder, startCommand, succeed } from '../harness/cli.ts';
import { up } from '../harness/deployment.ts';
import type { Act, Stage } from '../harness/example.ts';
import { fakeGpus } from '../harness/gpus.ts';
import { standIn, type World } from '../harness/world.ts';

const foreground: Act = { until: /is ready after/, codes: [130] };

async function downAll(world: World): Promise<void> {
  await succeed(world, ['down', '--all', '--quiet']);
}

/** For examples that show `disagg`, or follow it until Ctrl-C. */
function besideRun(actOf: (line: string, world: World, url: string) => Act = () => ({})): Stage {
  return async (world) => {
    const { url } = await up(world, 'disagg');
    return (line) => actOf(line, world, url);
  };
}

/** What writes and reads a report. */
function installArchivers(world: World): void {
  for (const tool of ['tar', 'gzip', 'uname']) symlinkSync(join('/usr/bin', tool), join(world.bin, tool));
}

/** With a run of the name in the example, with or without its decode worker stopped. */
function onProcess(stopped: boolean): Stage {
  return async (world) => async (line) => {
    await downAll(world);
    await up(world, 'disagg', ['--name', /(\w+)\/decode/.exec(line)?.[1] ?? 'disagg']);
    if (stopped) await succeed(world, ['stop', 'decode']);
    return {};
  };
}

const onSomebodysRun = (line: string, url: string): string => line.replace('http://gpu7:8000', url);

/** By command; the first is for `dynamo --help`, whose examples belong together. */
export const stages: Readonly<Record<string, Stage>> = {
  '': async () => (line) => (line === 'dynamo up disagg' ? foreground : {}),
  up: async (world) => async (line) => {
    await downAll(world);
    return line.includes('--detach') ? {} : foreground;
  },
  down: async (world) => async () => {
    await up(world, 'disagg');
    return {};
  },
  ps: besideRun((line) => (line.includes('--watch') ? { until: /decode +ready/, codes: [130] } : {})),
  // Where the output is no terminal, once.
  top: besideRun(),
  stats: besideRun((line) =>
    line.includes('--watch') ? { until: /"sinceStart"|"windowMs"/, codes: [130] } : {},
  ),
  logs: besideRun((line) => (line.includes(' -f ') ? { until: /Registered endpoint/, codes: [130] } : {})),
  start: onProcess(true),
  stop: onProcess(false),
  restart: onProcess(false),
  scale: async (world) => {
    await up(world, 'disagg', ['--name', 'mine']);
    return () => ({});
  },
  attach: besideRun(() => ({ until: /decode +\|/ })),
  wait: besideRun((line, world) =>
    line.includes('--for stopped') ? { meanwhile: async () => await downAll(world) } : {},
  ),
  events: besideRun(() => ({ until: /ready after/, codes: [130] })),
  chat: besideRun((line, _world, url) => ({ line: onSomebodysRun(line, url) })),
  open: besideRun(),
  report: async (world) => {
    installArchivers(world);
    return await besideRun()(world);
  },
  ui: besideRun((line) =>
    line.startsWith('dynamo up') ? foreground : { until: /Ctrl-C ends the page/, codes: [130] },
  ),
  targets: besideRun((line) =>
    line.includes('--follow') ? { until: /targets\.json: 3 processes/, codes: [130] } : {},
  ),
  // All of them are in test/real/examples.
  infra: async () => () => ({}),
  plan: async () => () => ({}),
  advise: async (world) => {
    fakeConfigurator(world.bin);
    fakeGpus(world, 8);
    standIn(world, 'cp', '#!/bin/sh\nexec /bin/cp "$@"\n');
    mkdirSync(join(world.work, 'my-model'));
    writeFileSync(join(world.work, 'my-model', 'config.json'), '{}');
    return () => ({});
  },
  smoke: async (world) => {
    installArchivers(world);
    await up(world, 'agg');
    await succeed(world, ['report', '--yes', '--output', join(world.work, 'report.tar.gz')]);
    await downAll(world);
    return async (line) => {
      if (!line.includes('--url')) return {};
      await downAll(world);
      const { url } = await up(world, line.includes(' vision ') ? 'vision' : 'agg');
      return { line: onSomebodysRun(line, url) };
    };
  },
  // test/e2e/bench.test.ts
  bench: async () => () => ({}),
  // Its result depends on this host.
  doctor: async () => () => ({ codes: [0, 1] }),
  exec: async (world) => {
    const modules = join(packageFolder, 'node_modules');
    standIn(world, 'npx', `#!/bin/sh\nshift\nexec node ${join(modules, 'vitest/vitest.mjs')} "$@"\n`);
    symlinkSync(modules, join(world.work, 'node_modules'));
    writeFileSync(join(world.work, 'package.json'), '{"type":"module"}');
    writeFileSync(join(world.work, 'chat.test.js'), docFile('ci.md', 'chat.test.js'));
    return () => ({});
  },
  init: async () => () => ({}),
  profiles: async (world) => {
    copyFileSync(join(packageFolder, 'launch-profiles/agg.yaml'), join(world.work, 'mine.yaml'));
    return () => ({});
  },
  clean: async (world) => {
    const { pid } = startCommand(world, ['sleep', '600'], { ownGroup: true });
    fakeGpus(world, 1).hold(pid, 0, 8_192);
    const { stdout } = await succeed(world, ['clean', '--dry-run', '--json']);
    const listed = new RegExp(`${pid}@\\d+`).exec(stdout)?.[0] ?? 'nobody';
    return (line) => ({ line: line.replace('4321@98765', listed) });
  },
  setup: async (world) => {
    fakeInstaller(world.bin, world.config, ['uv']);
    await succeed(world, ['setup', '--engine', 'mocker', '--version', '1.6.1']);
    return () => ({});
  },
  completion: async (world) => {
    // fish creates it on its first start.
    mkdirSync(join(world.env['HOME'] ?? '', '.config/fish/completions'), { recursive: true });
    return () => ({});
  },
};
