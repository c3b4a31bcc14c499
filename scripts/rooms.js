// The rooms of src/, what each may import, and who owns which package: written into .oxlintrc.json and CONTRIBUTING.md.
// `node scripts/rooms.js` writes both; `--check` fails when one of them is stale.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ground = ['base', 'host', 'profile', 'engine', 'plan', 'supervisor'];
const adapters = ['process', 'container', 'probe', 'gpu', 'python', 'infra', 'run'];

/** In the order in which they stand on one another. `pure`: facts, time and chance come in as arguments. */
export const rooms = [
  {
    name: 'base',
    holds: 'errors and exit codes, identity, durations, secrets: small types without I/O',
    imports: [],
    pure: true,
  },
  {
    name: 'host',
    holds: 'the impure ground that adapters share: files that are ours, addresses',
    imports: ['base'],
  },
  {
    name: 'profile',
    holds: 'YAML text to a checked Profile: schema, locate, extends, parameters, diagnosis',
    imports: ['base'],
    pure: true,
    node: ['node:path'],
  },
  {
    name: 'engine',
    holds: 'what a component needs on each engine, as argv and environment',
    imports: ['base', 'profile'],
    pure: true,
  },
  {
    name: 'plan',
    holds: 'Profile and host facts to a Plan: ports, GPUs, order, every choice with its reason',
    imports: ['base', 'profile', 'engine'],
    pure: true,
  },
  {
    name: 'supervisor',
    holds: 'Plan to running tree: states, start order, stop order; the interfaces it needs',
    imports: ['base', 'profile', 'engine', 'plan'],
    pure: true,
  },
  {
    name: 'process',
    holds: 'how a process starts and dies: sessions, identity, ledger, what is ours',
    imports: ground,
  },
  { name: 'container', holds: 'containers through dockerode', imports: ground },
  {
    name: 'probe',
    holds: 'how we know: HTTP, instances, the proving request and its judgement',
    imports: ground,
  },
  { name: 'gpu', holds: 'the GPUs of this host and who holds them', imports: ground },
  { name: 'python', holds: 'Python environments of this host', imports: ground },
  { name: 'infra', holds: 'etcd and NATS as they are found or started', imports: ground },
  {
    name: 'run',
    holds: 'the folder of a run, claims on names and ports, control socket, logs',
    imports: ground,
  },
  { name: 'doctor', holds: 'checks of the host and of a plan; diagnosis rules', imports: ground },
  {
    name: 'smoke',
    holds: 'the requests that prove a profile, and their reports',
    imports: ground,
  },
  {
    name: 'package',
    holds: 'this program: its version, its files, how it calls itself, where it can run',
    imports: ['base', 'host', 'process', 'run'],
  },
  {
    name: 'deployment',
    holds: 'the life of a run on this machine: facts, prepare, hold, start, reap, clean up, diagnose',
    imports: [...ground, ...adapters, 'doctor', 'smoke', 'package'],
  },
  {
    name: 'view',
    holds: 'terminal only: progress, tables, panel, errors',
    imports: ground.filter((name) => name !== 'host'),
  },
  {
    name: 'cli',
    holds: 'one file a verb, imported when it runs, and a folder of its parts: verbs, flags, words',
    imports: [...ground, ...adapters, 'doctor', 'smoke', 'package', 'deployment', 'view'],
  },
  {
    name: 'sim',
    holds: 'the embedded engine, an island: the launcher meets it by argv, environment, HTTP and signals',
    imports: ['base'],
  },
];

/** Programs and the library, which stand in src/ itself; no room imports one of them. */
const roots = ['main.ts', 'up.ts', 'reap.ts', 'binary.ts', 'library.ts', 'command-line.ts'];

/** The library is what others import: it knows neither command line nor terminal. */
const libraryImports = [...ground, ...adapters, 'doctor', 'smoke', 'package', 'deployment'];

/** The rooms that may import a package; `/**` stands for its parts. */
export const owners = {
  commander: ['cli'],
  'image-size/**': ['smoke', 'sim'],
  listr2: ['view'],
  chalk: ['view'],
  'fast-string-width': ['view'],
  'fast-wrap-ansi': ['view'],
  execa: ['process'],
  dockerode: ['container'],
  yaml: ['profile'],
  zod: ['profile'],
  '@nats-io/transport-node': ['sim'],
};

function overrideOf({ name, imports, pure = false, node = [] }) {
  const forbidden = rooms
    .map((room) => room.name)
    .filter((other) => other !== name && !imports.includes(other));
  // Files of cli have two of these names, and are imported by their neighbours.
  const closed = name === 'cli' ? roots.filter((file) => file !== 'up.ts' && file !== 'reap.ts') : roots;
  const allowed = imports.length === 0 ? 'nothing' : imports.join(', ');
  return {
    files: [`src/${name}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: pathsOf(name),
          patterns: [
            {
              group: [
                ...forbidden.flatMap((room) => [`../${room}/**`, `../**/${room}/**`]),
                ...closed.flatMap((file) => [`../${file}`, `../../${file}`]),
              ],
              message: `${name} may import only: ${allowed} (see CONTRIBUTING.md)`,
            },
            ...partsOf(name),
            ...(pure
              ? [
                  {
                    group: ['node:*', ...node.map((module) => `!${module}`)],
                    message: 'this room is pure: facts come in as arguments',
                  },
                ]
              : []),
          ],
        },
      ],
      ...(pure ? pureRules : {}),
    },
  };
}

const impure = ['process', 'fetch', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'crypto'];
const pureRules = {
  'no-restricted-globals': [
    'error',
    ...impure.map((name) => ({ name, message: 'this room is pure: it comes in as an argument' })),
  ],
};

function pathsOf(room) {
  return foreign(room).filter(({ name }) => !name.endsWith('/**'));
}

function partsOf(room) {
  return foreign(room)
    .filter(({ name }) => name.endsWith('/**'))
    .map(({ name, message }) => ({ group: [name], message }));
}

function foreign(room) {
  return Object.entries(owners)
    .filter(([, owning]) => !owning.includes(room))
    .map(([name, owning]) => ({
      name,
      message: `only ${owning.map((each) => `src/${each}`).join(' and ')} may import ${name}`,
    }));
}

function overrides() {
  const library = rooms
    .map(({ name }) => name)
    .filter((name) => !libraryImports.includes(name))
    .flatMap((name) => [`./${name}/**`]);
  return [
    ...rooms.map(overrideOf),
    {
      files: ['src/library.ts'],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            paths: pathsOf(''),
            patterns: [{ group: library, message: 'the library knows no terminal' }, ...partsOf('')],
          },
        ],
      },
    },
    {
      files: roots.filter((file) => file !== 'library.ts').map((file) => `src/${file}`),
      rules: { 'no-restricted-imports': ['error', { paths: pathsOf(''), patterns: partsOf('') }] },
    },
    // Time as a value that comes in: its one real implementation stands here.
    {
      files: ['src/base/clock.ts'],
      rules: { 'no-restricted-imports': 'off', 'no-restricted-globals': 'off' },
    },
    {
      files: ['scripts/**', 'vitest.config.ts', 'test/**'],
      rules: {
        'no-console': 'off',
        'import/no-default-export': 'off',
        'typescript/no-meaningless-void-operator': 'off',
      },
    },
  ];
}

function table() {
  const lines = rooms.map(({ name, holds, imports, pure }) => {
    const may = name === 'cli' ? 'all but sim' : shortly(imports);
    return `| \`src/${name}\` | ${holds}${pure === true ? ' (pure)' : ''} | ${may} |`;
  });
  return ['| room | what goes there | may import |', '| --- | --- | --- |', ...lines].join('\n');
}

/** Names the rooms that nearly everybody may import as one. */
function shortly(imports) {
  if (imports.length === 0) return '–';
  const hasGround = ground.every((name) => imports.includes(name));
  const rest = hasGround ? imports.filter((name) => !ground.includes(name)) : imports;
  return [...(hasGround ? ['base to supervisor'] : []), ...rest].join(', ');
}

const [begin, end] = ['<!-- rooms: written by scripts/rooms.js -->', '<!-- rooms end -->'];

async function generated() {
  const config = JSON.parse(await readFile('.oxlintrc.json', 'utf8'));
  const contributing = await readFile('CONTRIBUTING.md', 'utf8');
  const [before, after] = [contributing.split(begin)[0], contributing.split(end)[1]];
  if (after === undefined) throw new Error('CONTRIBUTING.md has no place for the table of rooms');
  return {
    '.oxlintrc.json': `${JSON.stringify({ ...config, overrides: overrides() }, undefined, 2)}\n`,
    'CONTRIBUTING.md': `${before}${begin}\n\n${table()}\n\n${end}${after}`,
  };
}

/** Formatting is the formatter's: what counts here is the content. */
const content = (text) => text.replaceAll(/[\s|-]+/g, '');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, text] of Object.entries(await generated())) {
    if (!process.argv.includes('--check')) await writeFile(file, text);
    else if (content(await readFile(file, 'utf8')) !== content(text)) {
      console.error(`${file} is stale: node scripts/rooms.js && npx oxfmt ${file}`);
      process.exitCode = 1;
    }
  }
}
