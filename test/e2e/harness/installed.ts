/** The package as `npm run package` creates it, installed in a project without development dependencies or sources. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageFolder } from './cli.ts';
import type { World } from './world.ts';

/** Turns the working directory of commands into a project. Everything that the package needs is bundled. */
export function installPacked(world: World): void {
  const words = ['scripts/package.js', '--out', world.root];
  const packed = execFileSync(process.execPath, words, {
    cwd: packageFolder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` },
  });
  const modules = join(world.work, 'node_modules');
  mkdirSync(modules);
  execFileSync('tar', ['-xzf', packed.trim(), '-C', modules]);
  renameSync(join(modules, 'package'), join(modules, 'dynamo-launcher'));
  writeFileSync(join(world.work, 'package.json'), '{"private":true,"type":"module"}');
}
