// Builds the parts of a Kubernetes control plane that the tests run, from the Go module of their release, and prints the
// folder with the binaries. Once a version and machine: about ten minutes on two cores, and 2 GB of Go's build cache.
//   node test/real/kubernetes/build-control-plane.js            # needs Go 1.26 or newer on PATH
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('../../fixtures/kubernetes/control-plane', import.meta.url));
const version = /k8s\.io\/kubernetes (v[\d.]+)/.exec(readFileSync(join(here, 'go.mod'), 'utf8'))?.[1];
if (version === undefined) throw new Error('go.mod requires no k8s.io/kubernetes');
const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
export const folder = join(cache, 'dynamo-tests', 'kubernetes', version);
export const programs = ['kube-apiserver', 'kube-controller-manager', 'kubectl'];

export function isBuilt() {
  return programs.every((name) => existsSync(join(folder, name)));
}

function set(key, value) {
  return `-X k8s.io/component-base/version.${key}=${value}`;
}

function build(name) {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const flags = ['-s', '-w', set('gitVersion', version), set('gitMajor', major), set('gitMinor', minor)].join(
    ' ',
  );
  const draft = join(folder, `${name}.${process.pid}`);
  const words = [
    'build',
    '-trimpath',
    '-mod=readonly',
    '-ldflags',
    flags,
    '-o',
    draft,
    `k8s.io/kubernetes/cmd/${name}`,
  ];
  // Tests of others on this machine go first.
  const { status, error } = spawnSync('nice', ['-n', '10', 'go', ...words], {
    cwd: here,
    stdio: ['ignore', 2, 2],
  });
  if (error !== undefined || status !== 0) throw new Error(`go build of ${name} failed`, { cause: error });
  renameSync(draft, join(folder, name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(folder, { recursive: true });
  for (const name of programs) {
    if (existsSync(join(folder, name))) continue;
    console.error(`building ${name} ${version}`);
    build(name);
  }
  console.log(folder);
}
