// Profiles and their plans on an imaginary host: eight free GPUs and one Dynamo.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The newest Dynamo whose SGLang was tested; `dynamo setup --engine sglang` installs it. */
export const release = { dynamo: '1.4.2', sglang: '0.5.16' };

const parts = `
export { listProfiles } from './src/profile/list.ts';
export { makePlan } from './src/plan/make-plan.ts';
export { proofRequest } from './src/plan/proof.ts';
export { rules } from './src/doctor/rule-table.ts';
export { checks } from './src/doctor/table.ts';
`;

/** The pure rooms, bundled into a temporary folder; dist does not change. */
export async function planner() {
  const folder = await mkdtemp(join(tmpdir(), 'pages-'));
  const outfile = join(folder, 'planner.js');
  try {
    await build({
      absWorkingDir: root,
      stdin: { contents: parts, resolveDir: root, loader: 'ts' },
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
      outfile,
      logLevel: 'warning',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Every shipped profile with its default parameters. */
export async function shippedProfiles({ listProfiles }) {
  const none = `${root}launch-profiles/none`;
  const listed = await listProfiles({
    cwd: root,
    directories: { project: none, user: none, shipped: `${root}launch-profiles` },
    files: {
      list: async (directory) => await readdir(directory).catch(() => []),
      read: async (path) => await readFile(path).catch(() => undefined),
    },
  });
  return listed.map(({ profile, error }) => {
    if (profile === undefined) throw error;
    return profile;
  });
}

/** The plan of `up` with SGLang. Folders and ports are replaced by names, as they differ between hosts. */
export function planOf({ makePlan }, profile) {
  return makePlan(
    profile,
    { engine: 'sglang', infra: 'auto', replicas: {}, env: {}, rawArgs: [], detached: false },
    {
      environment: {},
      cwd: '/',
      sim: [],
      tokenizer: '',
      runId: profile.name,
      runFolder: '/RUN',
      busyPorts: new Map(),
      gpus: Array.from({ length: 8 }, (_, index) => ({
        index,
        uuid: `GPU-${index}`,
        name: 'GPU of 80 GB',
        totalMiB: 81_559,
        usedMiB: 0,
        leasedBy: undefined,
      })),
      python: {
        folder: '/python',
        python: '/python/bin/python3',
        dynamoVersion: release.dynamo,
        backends: { sglang: release.sglang },
        torchVersion: undefined,
        because: 'for this page',
      },
      infra: { external: {}, binaries: {}, persistentFolder: '' },
    },
  );
}
