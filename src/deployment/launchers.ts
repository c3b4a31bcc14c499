/** Starts the processes of a run: on this host, and in containers if the plan has some. */
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { ContainerProcess } from '../container/create-options.ts';
import type { LaunchContainer } from '../container/launch.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import { withSecrets } from '../plan/plan-secrets.ts';
import { createLauncher } from '../process/launch.ts';
import { appendContainer } from '../process/ledger.ts';
import type { Tracker } from '../process/tracker.ts';
import type { Launcher } from '../supervisor/contracts.ts';
import type { PreparedRun } from './tidy-up.ts';

export interface LauncherDependencies {
  readonly cgroup: string | undefined;
  readonly tracker: Tracker;
  readonly environment: Readonly<Record<string, string>>;
  readonly note: (text: string) => void;
}

export async function createLaunchers(run: PreparedRun, deps: LauncherDependencies): Promise<Launcher> {
  const { plan, files } = run;
  const { cgroup, tracker, environment } = deps;
  const here = createLauncher({
    runId: plan.runId,
    ledgerFile: files.ledger,
    cgroup,
    tracker,
    environment,
    clock: systemClock,
    expected: plan.processes.filter((spec) => !isContained(spec)).map(({ name }) => name),
  });
  const contained = await containerLauncher(run, deps);
  const both: Launcher = {
    launch: async (planned, watch) => {
      const spec = withSecrets(planned, run.environment.secrets);
      if (!isContained(spec)) return await here.launch(spec);
      if (contained !== undefined) return await contained(spec, watch);
      throw new DynamoError(
        'internal',
        `The plan runs ${spec.name} in a container but names no Docker daemon.`,
        { fields: { process: spec.name } },
      );
    },
  };
  // Most runs on a laptop have no GPU: they do not load what watches its memory.
  if (run.plan.processes.every(({ gpus }) => gpus.length === 0)) return both;
  const { withFreedGpus } = await import('./freed-gpus.ts');
  return withFreedGpus(both, { run, tracker, note: deps.note, environment: run.environment.variables });
}

/** Docker's client is loaded on demand: it doubles the code that a start loads. */
async function containerLauncher(
  { plan, files }: PreparedRun,
  { environment, note }: LauncherDependencies,
): Promise<LaunchContainer | undefined> {
  if (plan.docker === undefined) return undefined;
  const { createContainerLauncher } = await import('../container/launch.ts');
  return createContainerLauncher({
    runId: plan.runId,
    runFolder: plan.runFolder,
    daemon: plan.docker,
    writeDown: (entry) => appendContainer(files.ledger, entry),
    environment,
    clock: systemClock,
    note,
  });
}

function isContained(spec: ProcessSpec): spec is ContainerProcess {
  return spec.container !== undefined;
}
