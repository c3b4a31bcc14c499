// Makes the package that users install: npm run package -- --out FOLDER [--home URL]. Everything it needs is bundled in dist/,
// so its manifest names no dependencies, and npm runs no scripts when it is installed. Prints the path of the tarball.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { entries } from './chunks.js';
import { pageSources } from './page.js';
import { absoluteLinks } from './package/links.js';
import { thirdPartyLicences } from './package/licences.js';

const shipped = [
  'assets',
  'bin',
  'ci/gitlab.yml',
  'ci/smoke.sh',
  'dist',
  'docs',
  'launch-profiles',
  'types',
  'action.yml',
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'SECURITY.md',
];
/** What the manifest of the repository says to npm about users; the rest is about development. */
const keys = [
  'name',
  'version',
  'description',
  'keywords',
  'license',
  'bin',
  'os',
  'type',
  'exports',
  'engines',
];

const { values } = parseArgs({ options: { out: { type: 'string' }, home: { type: 'string' } } });
const own = JSON.parse(readFileSync('package.json', 'utf8'));
const home = homeOf(values.home);
const current = currentFiles();
const out = resolve(values.out ?? '.');
const stage = mkdtempSync(join(tmpdir(), 'dynamo-package-'));
try {
  for (const name of shipped) cpSync(name, join(stage, name), { recursive: true, filter: isWanted });
  writeFileSync(
    join(stage, 'THIRD-PARTY-LICENSES'),
    thirdPartyLicences([...bundledSources(), ...(await pageSources())]),
  );
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`);
  for (const page of pagesBelow(stage)) {
    const text = readFileSync(join(stage, page), 'utf8');
    writeFileSync(
      join(stage, page),
      absoluteLinks(text, page, stage, home && `${home}/blob/v${own.version}`),
    );
  }
  mkdirSync(out, { recursive: true });
  const packing = ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', out];
  const name = execFileSync('npm', packing, { cwd: stage, encoding: 'utf8' }).trim();
  console.log(join(out, name));
  if (home === undefined) {
    console.error(
      'dynamoRepository in package.json is empty: the package names no repository, homepage or place for bugs',
    );
  }
} finally {
  rmSync(stage, { recursive: true, force: true });
}

/**
 * Source maps stay with who builds: they are most of dist/, and Node does not read them by itself. So do files of earlier
 * builds, which a build with --keep leaves there.
 */
function isWanted(path) {
  if (path.endsWith('.map')) return false;
  return !/^dist\/[^/]*\.js$/.test(path) || current.has(basename(path));
}

/** The files of dist/ that its programs import, at once or later. */
function currentFiles() {
  const files = new Set(['reap.js', ...Object.keys(entries).map((name) => `${name}.js`)]);
  for (const file of files) {
    const text = readFileSync(join('dist', file), 'utf8');
    for (const [, name] of text.matchAll(/(?:from|import)\s*\(?["'`]\.\/([^"'`]+\.js)["'`]/g))
      files.add(name);
  }
  return files;
}

/** What the current files of dist/ are made of, by path. */
function bundledSources() {
  const maps = [...current].map((file) => join('dist', `${file}.map`)).filter((map) => existsSync(map));
  if (maps.length === 0) throw new Error('dist holds no source maps: npm run build');
  return maps.flatMap((map) => JSON.parse(readFileSync(map, 'utf8')).sources);
}

function manifest() {
  const told = Object.fromEntries(keys.map((key) => [key, own[key]]));
  if (home === undefined) return told;
  const repository = { type: 'git', url: `git+${home}.git` };
  return { ...told, repository, homepage: `${home}#readme`, bugs: { url: `${home}/issues` } };
}

/** The address of the repository: told, in package.json, or that of the workflow that releases it. */
function homeOf(told) {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env;
  const run = server === undefined || repository === undefined ? undefined : `${server}/${repository}`;
  const found = told ?? (own.dynamoRepository || run);
  if (found === undefined) return undefined;
  if (!URL.canParse(found) || !found.startsWith('https://'))
    throw new Error(`not the URL of a repository: ${found}`);
  return found.replace(/(\.git)?\/*$/, '');
}

function pagesBelow(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
}
