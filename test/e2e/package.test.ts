/** The package as npm packs and installs it: complete, without development dependencies, in an empty project. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { type Ended, packageFolder, startCommand } from './harness/cli.ts';
import { clientOf, type Up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { test, type World } from './harness/world.ts';

/** The npm of the Node that runs the tests; its shared cache saves the registry. */
async function npm(world: World, cwd: string, ...args: string[]): Promise<Ended> {
  const real = dirname(process.execPath);
  const cache = process.env['npm_config_cache'] ?? join(homedir(), '.npm');
  const env = {
    PATH: `${world.bin}:${real}`,
    npm_config_cache: cache,
    npm_config_update_notifier: 'false',
    npm_config_loglevel: 'error',
  };
  const ended = await startCommand(world, [join(real, 'npm'), ...args], { cwd, env }).ended;
  if (ended.code !== 0) throw new Error(`npm ${args.join(' ')}:\n${ended.stdout}\n${ended.stderr}`);
  return ended;
}

test('`up` loads few and small files', () => {
  const files = loadedWith('up.js');
  // Node needs half a millisecond per file, and 4 ms per 100 KB. A YAML parser and a schema would be 300 KB.
  expect(files.length).toBeLessThan(12);
  expect(files.reduce((sum, file) => sum + statSync(join(packageFolder, 'dist', file)).size, 0)).toBeLessThan(
    460_000,
  );
});

/** A file of dist/ and everything that it imports statically. */
function loadedWith(file: string, seen: readonly string[] = []): readonly string[] {
  if (seen.includes(file)) return seen;
  const text = readFileSync(join(packageFolder, 'dist', file), 'utf8');
  const imported = [...text.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)].map(([, name = '']) => name);
  return imported.reduce<readonly string[]>((all, name) => loadedWith(name, all), [...seen, file]);
}

test('no module is in dist/ twice, and `dynamo --help` loads little', () => {
  const dist = join(packageFolder, 'dist');
  const files = new Set(['main.js', 'up.js', 'sim.js', 'library.js']);
  for (const file of files) {
    const text = readFileSync(join(dist, file), 'utf8');
    for (const [, name = ''] of text.matchAll(/(?:from|import)\s*\(?["'`]\.\/([^"'`]+\.js)["'`]/g))
      files.add(name);
  }
  const modules = [...files].flatMap((file) => {
    const map = join(dist, `${file}.map`);
    // What only names others has none.
    if (!existsSync(map)) return [];
    return (JSON.parse(readFileSync(map, 'utf8')) as { sources: string[] }).sources;
  });
  expect(modules.length).toBeGreaterThan(400);
  expect(modules.filter((name, at) => modules.indexOf(name) !== at)).toEqual([]);
  const start = loadedWith('main.js').map((file) => readFileSync(join(dist, file), 'utf8'));
  expect(start.join('').length).toBeLessThan(40_000);
  // Node takes some milliseconds to load these.
  expect(start.join('')).not.toMatch(/"node:(crypto|child_process|http|net|stream|url)"/);
});

test('npm pack, install elsewhere, npx dynamo up and down', async ({ world }) => {
  // The bundle was built before the tests; building it again would break concurrent tests.
  const packed = await npm(
    world,
    packageFolder,
    'pack',
    '--ignore-scripts',
    '--json',
    '--pack-destination',
    world.work,
  );
  const [{ filename, files }] = JSON.parse(packed.stdout) as [
    { filename: string; files: { path: string }[] },
  ];
  const paths = files.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'assets/tokenizer/config.json',
      'bin/dynamo.js',
      'dist/main.js',
      'dist/sim.js',
      'dist/up.js',
      'LICENSE',
      'README.md',
    ]),
  );
  expect(paths).toContain('launch-profiles/profile.schema.json');
  expect(paths.filter((path) => /^(src|test|node_modules|scripts)\//.test(path))).toEqual([]);
  const shipped = readdirSync(join(packageFolder, 'launch-profiles')).filter((name) =>
    name.endsWith('.yaml'),
  );
  expect(shipped).toHaveLength(12);
  for (const name of shipped) expect(paths).toContain(`launch-profiles/${name}`);
  for (const name of shipped) {
    const text = readFileSync(join(packageFolder, 'launch-profiles', name));
    const known = `dist/profiles/${createHash('sha256').update(text).digest('hex')}.json`;
    expect(paths.includes(known), name).toBe(!/^extends:/m.test(text.toString()));
  }

  const place = join(world.root, 'elsewhere');
  mkdirSync(place);
  writeFileSync(join(place, 'package.json'), '{"private":true}');
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--omit=dev', '--ignore-scripts'];
  await npm(world, place, 'install', ...options, join(world.work, filename));
  const { devDependencies } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  for (const name of Object.keys(devDependencies).filter((each) => !each.startsWith('@types/'))) {
    expect(existsSync(join(place, 'node_modules', name)), name).toBe(false);
  }

  const npx = async (...words: string[]): Promise<Ended> =>
    await npm(world, place, 'exec', '--offline', '--', 'dynamo', ...words);
  const installed = join(place, 'node_modules', '.bin', 'dynamo');
  const run = async (...words: string[]): Promise<Ended> =>
    await startCommand(world, [installed, ...words], { cwd: place }).ended;
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect((await run('--version')).stdout.trim()).toBe(version);
  const port = String(await freePort());
  const brought = await npx('up', 'agg', '--detach', '--json', '--engine', 'sim', '--http-port', port);
  const { url } = JSON.parse(brought.stdout) as Up;
  expect((await clientOf(url).models.list()).data).toHaveLength(1);
  expect((await run('profiles', 'schema')).stdout).toContain('"$schema"');
  expect((await run('down')).stderr).toMatch(/is down: nothing is left/);
});
