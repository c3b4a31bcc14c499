// The rooms (folders) of src/, what each may import, and which room owns which package.
// Writes the lint rules in .oxlintrc.json and the table in CONTRIBUTING.md; `--check` fails if one of them is stale.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ground = ['base', 'host', 'profile', 'engine', 'plan', 'supervisor'];
const adapters = ['process', 'container', 'probe', 'gpu', 'python', 'infra', 'run'];

/** From the bottom up. `pure`: facts, time and randomness come in as arguments. `browser`: no module of Node is there. */
export const rooms = [
  {
    name: 'base',
    holds: 'errors and exit codes, identity, durations, secrets: small types without I/O',
    imports: [],
    pure: true,
  },
  {
    name: 'host',
    holds: 'I/O that adapters share: our own files, running programs, addresses',
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
    holds: 'what each engine needs to run a component: argv and environment',
    imports: ['base', 'profile'],
    pure: true,
  },
  {
    name: 'plan',
    holds: 'Profile and host facts to a Plan: ports, GPUs, start order, and the reason for every choice',
    imports: ['base', 'profile', 'engine'],
    pure: true,
  },
  {
    name: 'supervisor',
    holds: 'runs a Plan: states, start order, stop order; declares the interfaces that it needs',
    imports: ['base', 'profile', 'engine', 'plan'],
    pure: true,
  },
  {
    name: 'metrics',
    holds: 'Prometheus text to the figures of a deployment, its roles and its processes over a window',
    imports: ['base', 'profile', 'plan'],
    pure: true,
  },
  {
    name: 'process',
    holds: 'how a process starts and ends: sessions, identity, ledger, ownership',
    imports: ground,
  },
  { name: 'container', holds: 'containers through dockerode', imports: ground },
  {
    name: 'probe',
    holds: 'readiness: HTTP, instances, and the request that proves that a deployment serves',
    imports: ground,
  },
  { name: 'gpu', holds: 'the GPUs of this host and the processes that use them', imports: ground },
  { name: 'python', holds: 'Python environments of this host', imports: ground },
  { name: 'infra', holds: 'etcd and NATS: found or started', imports: ground },
  {
    name: 'run',
    holds: 'the folder of a run, claims on names and ports, control socket, logs',
    imports: ground,
  },
  { name: 'doctor', holds: 'checks of a host and a plan; diagnosis rules', imports: ground },
  {
    name: 'smoke',
    holds: 'the requests that test a profile, and their reports',
    imports: ground,
  },
  {
    name: 'bench',
    holds: 'load, statistics and verdicts of `dynamo bench`; the load generator, aiperf',
    imports: [...ground, 'metrics'],
    pureFiles: [
      'aiperf',
      'chart',
      'comparison',
      'conditions',
      'exports',
      'figures',
      'html',
      'html-style',
      'notes',
      'predicted',
      'result',
      'statistics',
      'trace',
      'why',
      'words',
      'workload',
    ],
  },
  {
    name: 'kubernetes',
    holds: 'a Profile as a DynamoGraphDeployment; a cluster through kubectl: apply, watch, diagnose',
    imports: [...ground, 'probe', 'run', 'doctor', 'smoke'],
    pureFiles: ['image', 'manifest', 'pods', 'reasons', 'spelling', 'target', 'validate'],
  },
  {
    name: 'advise',
    holds: "what NVIDIA's AIConfigurator predicts, as a profile",
    imports: [...ground, 'process', 'python'],
    pureFiles: ['answer', 'deployment', 'question', 'refusal'],
  },
  {
    name: 'package',
    holds: 'the package itself: version, files, how it starts itself, supported platforms',
    imports: ['base', 'host', 'process', 'run'],
  },
  {
    name: 'deployment',
    holds: 'the life cycle of a run on this machine: facts, prepare, start, reap, clean up, diagnose',
    imports: [...ground, 'metrics', ...adapters, 'doctor', 'smoke', 'kubernetes', 'package'],
  },
  {
    name: 'page',
    holds: 'what `dynamo ui` shows, in the browser; and the messages between page and server',
    imports: ['base', 'profile', 'engine', 'plan', 'supervisor', 'metrics'],
    browser: true,
  },
  {
    name: 'ui',
    holds: 'the server of the page: reads run folders and control sockets, on loopback only',
    imports: [...ground, 'metrics', 'process', 'run', 'package', 'deployment', 'page'],
  },
  {
    name: 'view',
    holds: 'terminal only: progress, tables, panel, errors',
    imports: [...ground.filter((name) => name !== 'host'), 'metrics', 'advise'],
  },
  {
    name: 'cli',
    holds: 'the command line: one file per command, loaded on demand, with a folder for its parts',
    imports: [
      ...ground,
      'metrics',
      ...adapters,
      'doctor',
      'smoke',
      'bench',
      'kubernetes',
      'advise',
      'package',
      'deployment',
      'view',
      'page',
      'ui',
    ],
  },
  {
    name: 'sim',
    holds: 'the embedded engine; the launcher uses it only through argv, environment, HTTP and signals',
    imports: ['base'],
  },
];

/** Entry points in src/ itself; no room imports them. */
const roots = ['main.ts', 'up.ts', 'reap.ts', 'binary.ts', 'library.ts', 'command-line.ts'];

/**
 * The files that read the environment of their process, once, where a program starts. Everywhere else it is a value passed
 * as an argument. container/client.ts hides a variable from a library that reads it by itself.
 */
export const edges = ['command-line.ts', 'library.ts', 'sim/variables.ts', 'container/client.ts'];

/** The library must not depend on the command line or the terminal. */
const libraryImports = [
  ...ground,
  'metrics',
  ...adapters,
  'doctor',
  'smoke',
  'kubernetes',
  'package',
  'deployment',
];

/** The rooms that may import a package; `/**` stands for its subpaths. */
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
  zod: ['profile', 'deployment'],
  '@nats-io/transport-node': ['infra', 'sim'],
  preact: ['page'],
  'preact/**': ['page'],
  uplot: ['page'],
};

/** `pureFiles`: the names of those of an impure room that are pure all the same. */
function overridesOf(room) {
  const { name, pureFiles = [] } = room;
  if (pureFiles.length === 0) return [overrideOf(room)];
  const files = pureFiles.map((file) => `src/${name}/${file}.ts`);
  return [overrideOf(room), overrideOf({ ...room, pure: true, files })];
}

function overrideOf({
  name,
  imports,
  pure = false,
  browser = false,
  node = [],
  files = [`src/${name}/**/*.ts`, ...(browser ? [`src/${name}/**/*.tsx`] : [])],
}) {
  const forbidden = rooms
    .map((room) => room.name)
    .filter((other) => other !== name && !imports.includes(other));
  // `cli` has files with two of these names.
  const closed = name === 'cli' ? roots.filter((file) => file !== 'up.ts' && file !== 'reap.ts') : roots;
  const allowed = imports.length === 0 ? 'nothing' : imports.join(', ');
  return {
    files,
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
            ...(pure || browser
              ? [
                  {
                    group: ['node:*', ...node.map((module) => `!${module}`)],
                    message: browser
                      ? 'this room runs in a browser'
                      : 'this room is pure: pass facts as arguments',
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
    ...impure.map((name) => ({ name, message: 'this room is pure: pass it as an argument' })),
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
    ...rooms.flatMap(overridesOf),
    {
      files: ['src/library.ts'],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            paths: pathsOf(''),
            patterns: [
              { group: library, message: 'the library must not depend on command line or terminal' },
              ...partsOf(''),
            ],
          },
        ],
      },
    },
    {
      files: roots.filter((file) => file !== 'library.ts').map((file) => `src/${file}`),
      rules: { 'no-restricted-imports': ['error', { paths: pathsOf(''), patterns: partsOf('') }] },
    },
    { files: ['src/**'], rules: { 'node/no-process-env': 'error' } },
    { files: edges.map((file) => `src/${file}`), rules: { 'node/no-process-env': 'off' } },
    // The one real implementation of the clock that pure rooms take as an argument.
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
  return ['| room | contents | may import |', '| --- | --- | --- |', ...lines].join('\n');
}

/** Abbreviates the rooms that most others may import. */
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
  if (after === undefined) throw new Error('CONTRIBUTING.md has no markers for the table of rooms');
  return {
    '.oxlintrc.json': `${JSON.stringify({ ...config, overrides: overrides() }, undefined, 2)}\n`,
    'CONTRIBUTING.md': `${before}${begin}\n\n${table()}\n\n${end}${after}`,
  };
}

/** Compares without formatting, which is up to the formatter. */
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
