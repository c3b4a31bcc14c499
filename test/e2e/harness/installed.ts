/** The package as `npm pack` makes it, put where a project has it: no development dependency, no sources. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageFolder } from './cli.ts';
import type { World } from './world.ts';

/** Makes a project of the folder where commands are run. Everything that the package needs is bundled into it. */
export function installPacked(world: World): void {
  const node = dirname(process.execPath);
  const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', world.root];
  const packed = execFileSync(join(node, 'npm'), words, {
    cwd: packageFolder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  const modules = join(world.work, 'node_modules');
  mkdirSync(modules);
  execFileSync('tar', ['-xzf', join(world.root, filename), '-C', modules]);
  renameSync(join(modules, 'package'), join(modules, 'dynamo-launcher'));
  writeFileSync(join(world.work, 'package.json'), '{"private":true,"type":"module"}');
}
