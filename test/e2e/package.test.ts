/** The package that users install: complete, without any other package, in an empty prefix without a network. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { expect } from 'vitest';
import { type Ended, packageFolder, startCommand } from './harness/cli.ts';
import { clientOf, type Up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { standIn, test, type World } from './harness/world.ts';

/** The npm of the Node that runs the tests. */
async function npm(world: World, cwd: string, ...args: string[]): Promise<Ended> {
  const real = dirname(process.execPath);
  const env = {
    PATH: `${world.bin}:${real}`,
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
    400_000,
  );
});

test.for(['ps', 'logs', 'down'])('`%s` loads nothing that only starts a run', (verb) => {
  const start = loadedWith('main.js');
  const later = ['run-verb', verb].map((name) => {
    const pattern = new RegExp(`import\\(.\\./(${name}-[^"\`]+\\.js).\\)`);
    return start.map((file) => pattern.exec(read(file))?.[1]).find((found) => found !== undefined) ?? '';
  });
  const files = later.reduce<readonly string[]>((seen, file) => loadedWith(file, seen), start);
  expect(files.filter((file) => /^(up|deployment)/.test(file))).toEqual([]);
  expect(files.length).toBeGreaterThan(5);
});

/** A file of dist/ and everything that it imports statically. */
function loadedWith(file: string, seen: readonly string[] = []): readonly string[] {
  if (seen.includes(file)) return seen;
  const imported = [...read(file).matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)].map(
    ([, name = '']) => name,
  );
  return imported.reduce<readonly string[]>((all, name) => loadedWith(name, all), [...seen, file]);
}

function read(file: string): string {
  return readFileSync(join(packageFolder, 'dist', file), 'utf8');
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

/** Made from what was built before the tests: building again would break concurrent tests. */
async function packed(world: World, ...more: string[]): Promise<string> {
  standIn(world, 'npm', `#!/bin/sh\nexec "${join(dirname(process.execPath), 'npm')}" "$@"\n`);
  const words = [process.execPath, 'scripts/package.js', '--out', world.work, ...more];
  const { code, stdout, stderr } = await startCommand(world, words, { cwd: packageFolder }).ended;
  if (code !== 0) throw new Error(`scripts/package.js:\n${stdout}\n${stderr}`);
  return stdout.trim();
}

/** Its text, by path in the package. */
function contentsOf(world: World, tarball: string): ReadonlyMap<string, string> {
  const folder = join(world.root, `unpacked-${basename(tarball)}`);
  mkdirSync(folder);
  execFileSync('/usr/bin/env', ['tar', '-xzf', tarball, '-C', folder]);
  const paths = readdirSync(join(folder, 'package'), { recursive: true, withFileTypes: true });
  return new Map(
    paths
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [relative(join(folder, 'package'), file), readFileSync(file, 'utf8')]),
  );
}

/** Links of its pages that lead to no file of it. */
function deadLinks(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([page, text]) => {
    if (!page.endsWith('.md')) return [];
    const links = [...text.matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g)].map(([, path = '']) => path);
    const isThere = (path: string): boolean =>
      [...files.keys()].some((file) =>
        `${file}/`.startsWith(`${join(dirname(page), path)}/`.replace('//', '/')),
      );
    return links.filter((path) => !isThere(path)).map((path) => `${page}: ${path}`);
  });
}

test(
  'the package needs nothing else, and its pages lead nowhere that is not there',
  { timeout: 180_000 },
  async ({ world }) => {
    const files = contentsOf(
      world,
      await packed(world, '--home', 'https://git.example/acme/dynamo-launcher.git'),
    );
    const manifest = JSON.parse(files.get('package.json') ?? '') as Record<string, unknown>;
    expect(manifest).toMatchObject({
      name: 'dynamo-launcher',
      repository: { type: 'git', url: 'git+https://git.example/acme/dynamo-launcher.git' },
      homepage: 'https://git.example/acme/dynamo-launcher#readme',
      bugs: { url: 'https://git.example/acme/dynamo-launcher/issues' },
    });
    for (const key of ['dependencies', 'devDependencies', 'scripts', 'private', 'dynamoRepository'])
      expect(manifest).not.toHaveProperty(key);
    expect(manifest['os']).not.toContain('win32');
    expect(deadLinks(files)).toEqual([]);
    // What it imports is Node's or its own.
    for (const [path, text] of files) {
      if (!/^dist\/[^/]*\.js$/.test(path)) continue;
      const imports = [...text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?)"([^"./][^"]*)"/g)].map(
        ([, name = '']) => name,
      );
      expect(
        imports.filter((name) => !isBuiltin(name)),
        path,
      ).toEqual([]);
    }
    const licences = files.get('THIRD-PARTY-LICENSES') ?? '';
    const { dependencies } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    for (const [name, version] of Object.entries(dependencies))
      expect(licences).toContain(`${name} ${version} (`);
    expect(licences).toMatch(/\nPermission is hereby granted, free of charge/);
  },
);

// npm packs and installs.
test(
  'install the package elsewhere without a network, up and down',
  { timeout: 180_000 },
  async ({ world }) => {
    const tarball = await packed(world);
    const files = contentsOf(world, tarball);
    const paths = [...files.keys()];
    expect(deadLinks(files)).toEqual([]);
    expect(paths).toEqual(
      expect.arrayContaining([
        'action.yml',
        'assets/tokenizer/config.json',
        'bin/dynamo.js',
        'dist/main.js',
        'dist/sim.js',
        'dist/up.js',
        'docs/install.md',
        'launch-profiles/profile.schema.json',
        'LICENSE',
        'README.md',
        'types/library.d.ts',
      ]),
    );
    expect(paths.filter((path) => /^(src|test|node_modules|scripts)\/|\.map$/.test(path))).toEqual([]);
    const shipped = readdirSync(join(packageFolder, 'launch-profiles')).filter((name) =>
      name.endsWith('.yaml'),
    );
    expect(shipped).toHaveLength(12);
    for (const name of shipped) expect(paths).toContain(`launch-profiles/${name}`);
    for (const name of shipped) {
      const text = readFileSync(join(packageFolder, 'launch-profiles', name));
      const known = `dist/profiles/${text.length}-${text.reduce((sum, byte) => sum + byte, 0)}.json`;
      expect(paths.includes(known), name).toBe(!/^extends:/m.test(text.toString()));
    }

    const place = join(world.root, 'elsewhere');
    // Its cache is empty, so npm could use no other package.
    const options = ['--offline', '--no-audit', '--no-fund', '--cache', join(world.root, 'cache')];
    const said = await npm(world, world.root, 'install', ...options, '--global', '--prefix', place, tarball);
    expect(said.stderr).toBe('');
    expect(readdirSync(join(place, 'lib/node_modules'))).toEqual(['dynamo-launcher']);
    expect(existsSync(join(place, 'lib/node_modules/dynamo-launcher/node_modules'))).toBe(false);

    const installed = join(place, 'bin', 'dynamo');
    const run = async (...words: string[]): Promise<Ended> =>
      await startCommand(world, [installed, ...words], { cwd: place }).ended;
    const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect((await run('--version')).stdout.trim()).toBe(version);
    const port = String(await freePort());
    const brought = await run('up', 'agg', '--detach', '--json', '--engine', 'sim', '--http-port', port);
    const { url } = JSON.parse(brought.stdout) as Up;
    expect((await clientOf(url).models.list()).data).toHaveLength(1);
    expect((await run('profiles', 'schema')).stdout).toContain('"$schema"');
    expect((await run('down')).stderr).toMatch(/is down: nothing is left/);
  },
);
