/** A foreground run of `dynamo` with a plan of simple children instead of a deployment. */
import { readFileSync } from 'node:fs';
import { prepareFromRequest } from '../../../src/deployment/prepare-run.ts';
import { watchReader } from '../../../src/cli/reader.ts';
import { reapDeadRuns } from '../../../src/deployment/reap-dead-runs.ts';
import { stayInForeground } from '../../../src/cli/up/foreground.ts';
import { type Plan, planVersion, type ProcessSpec } from '../../../src/plan/plan.ts';
import type { HostFacts } from '../../../src/plan/request.ts';
import { workspaceOf } from '../../../src/run/folders.ts';

interface Wishes {
  readonly children: readonly { readonly name: string; readonly port: number; readonly argv: string[] }[];
  readonly stopGraceMs: number;
  readonly onCrash: 'stay' | 'restart' | 'teardown';
}

function specOf(
  { name, port, argv }: Wishes['children'][number],
  wishes: Wishes,
  host: HostFacts,
): ProcessSpec {
  return {
    name,
    kind: 'worker',
    component: name,
    argv,
    env: { DYNAMO_RUN_ID: host.runId, DYNAMO_PROCESS: name },
    cwd: host.cwd,
    ports: { system: port },
    gpus: [],
    dependsOn: [],
    probe: { kind: 'http', url: `http://127.0.0.1:${port}/health` },
    startupTimeoutMs: 60_000,
    stopGraceMs: wishes.stopGraceMs,
    // As in `up --detach`.
    restart: {
      policy: wishes.onCrash === 'restart' ? 'on-failure' : 'no',
      maxRestarts: 5,
      windowMs: 600_000,
      firstDelayMs: 1_000,
      maxDelayMs: 30_000,
    },
    logFile: `${host.runFolder}/logs/${name}.log`,
  };
}

function planOf(wishes: Wishes, host: HostFacts): Plan {
  const processes = wishes.children.map((child) => specOf(child, wishes, host));
  return {
    version: planVersion,
    runId: host.runId,
    name: 'bench',
    profile: { name: 'bench', file: '', description: 'simple children' },
    engine: 'none',
    infra: { folders: [], files: [] },
    runFolder: host.runFolder,
    choices: [],
    gpuUuids: [],
    processes,
    stopOrder: [processes.map(({ name }) => name)],
    scrubbed: [],
    secrets: [],
    liveness: { periodMs: 1_000, timeoutMs: 1_000, failureThreshold: 3 },
    maxLogBytes: 64 * 1024 * 1024,
    readyTimeoutMs: 60_000,
    startupCapMs: 60_000,
  };
}

watchReader();
const wishes = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Wishes;
await reapDeadRuns(workspaceOf(process.env), (line) => void process.stderr.write(`${line}\n`));
const held = await prepareFromRequest({
  name: 'bench',
  detached: false,
  environment: process.env,
  facts: { ports: [], engine: 'sim', python: undefined, infra: { needs: {}, source: 'none' } },
  plan: (host) => ({ plan: planOf(wishes, host), secrets: {} }),
});
process.exit(await stayInForeground(held, {}));
