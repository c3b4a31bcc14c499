/** Brings an arm up, or finds the one that is up, and says what it runs on; takes down only what it brought up. */
import type { Environment } from '../../base/environment.ts';
import { messageOf } from '../../base/error-code.ts';
import { countText } from '../../base/units.ts';
import type { BenchTarget } from '../../bench/send.ts';
import { outcomeError, type StartedRun, startRun } from '../../deployment/start-run.ts';
import { livePlan } from '../../deployment/find-run.ts';
import { findEngine } from '../../engine/engines.ts';
import { inventory } from '../../gpu/inventory.ts';
import { requireServing, type ServingPlan } from '../../plan/plan.ts';
import type { Profile } from '../../profile/profile.ts';
import { stateFolders } from '../../run/folders.ts';
import type { RunEvent } from '../../supervisor/events.ts';
import { firstModel } from '../foreign-url.ts';
import type { Arm } from './arms.ts';

export interface Deployed {
  readonly target: BenchTarget;
  readonly plan: ServingPlan | undefined;
  /** Of a run that was brought up here. */
  readonly ledger?: string;
  readonly about: {
    readonly model: string;
    readonly url: string | undefined;
    readonly engine: string | undefined;
    readonly simulated: boolean;
    readonly gpus: number | undefined;
    readonly gpuNames: readonly string[];
    readonly workers: string;
  };
  /** Aborts when the deployment fails or ends. */
  readonly gone: AbortSignal;
  /** Stops what was brought up. Throws DynamoError when it failed, or left something behind. */
  down(): Promise<void>;
}

export interface Surroundings {
  readonly environment: Environment;
  readonly model: string | undefined;
  /** GPUs behind a URL, as the user says. */
  readonly gpuCount: number | undefined;
  readonly signal: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
  /** Called with every run that starts, so that a second Ctrl-C can kill it. */
  readonly onStart: (run: StartedRun) => void;
}

const never = new AbortController().signal;

/** Resolves when it serves. Throws DynamoError, or the reason of `signal`; then nothing of it is left. */
export async function deploy(arm: Arm, around: Surroundings): Promise<Deployed> {
  if (arm.kind === 'url') {
    const { url } = arm;
    const model = around.model ?? (await firstModel(url));
    const about = {
      model,
      url: arm.label,
      engine: undefined,
      simulated: false,
      gpus: around.gpuCount,
      gpuNames: [],
      workers: '',
    };
    return { target: { url, model }, plan: undefined, about, gone: never, down: async () => {} };
  }
  if (arm.kind === 'run') {
    const plan = requireServing(livePlan(stateFolders(around.environment), arm.name, 'bench').plan);
    return { ...(await servedBy(plan, undefined, around)), gone: never, down: async () => {} };
  }
  return await bringUp(arm.profile, arm, around);
}

async function bringUp(
  profile: Profile,
  { options }: Arm & { kind: 'profile' },
  around: Surroundings,
): Promise<Deployed> {
  const gone = new AbortController();
  const onEvent = (event: RunEvent): void => {
    around.onEvent(event);
    if (event.type === 'failed') gone.abort(new Error(event.reason.message));
    if (event.type === 'run' && event.phase === 'stopping')
      gone.abort(new Error('the deployment was stopped'));
  };
  around.signal.throwIfAborted();
  const run = await startRun(profile, options, onEvent, around.environment);
  around.onStart(run);
  const { supervision, held } = run;
  const stop = (): void => supervision.stop();
  around.signal.addEventListener('abort', stop);
  if (around.signal.aborted) stop();
  try {
    if ((await supervision.ready) === undefined) {
      const error = outcomeError(await supervision.done, held.plan.runId);
      throw error ?? new Error(messageOf(around.signal.reason ?? 'it was stopped before it was ready'));
    }
  } finally {
    around.signal.removeEventListener('abort', stop);
  }
  return {
    ...(await servedBy(held.plan, profile, around)),
    ledger: held.files.ledger,
    gone: gone.signal,
    down: async () => {
      supervision.stop();
      const error = outcomeError(await supervision.done, held.plan.runId);
      if (error !== undefined) throw error;
    },
  };
}

async function servedBy(
  plan: ServingPlan,
  profile: Profile | undefined,
  { model: asked, environment }: Pick<Surroundings, 'model' | 'environment'>,
): Promise<Pick<Deployed, 'target' | 'plan' | 'about'>> {
  const model = profile === undefined ? (asked ?? plan.model.servedName) : plan.model.servedName;
  const simulated = findEngine(plan.engine)?.uses.includes('weights') !== true;
  const gpus = gpuCount(plan, profile, simulated);
  const about = { model, url: undefined, engine: plan.engine, simulated, gpus, workers: workersText(plan) };
  return {
    target: { url: plan.http.url, model },
    plan,
    about: { ...about, gpuNames: await namesOf(plan.gpuUuids, environment) },
  };
}

async function namesOf(uuids: readonly string[], environment: Environment): Promise<string[]> {
  if (uuids.length === 0) return [];
  const { gpus } = await inventory(environment);
  return gpus.filter(({ uuid }) => uuids.includes(uuid)).map(({ name }) => name);
}

/** GPUs that the run leases; for an engine that uses none, those that the profile asks for. */
function gpuCount(plan: ServingPlan, profile: Profile | undefined, simulated: boolean): number | undefined {
  if (plan.gpuUuids.length > 0) return plan.gpuUuids.length;
  // A real model on a CPU.
  if (!simulated) return undefined;
  const workers = plan.processes.filter(({ kind }) => kind === 'worker');
  if (profile === undefined) return workers.length;
  const each = workers.map(({ component }) => {
    const spec = profile.components[component];
    return spec?.kind === 'worker' && spec.shareGpuWith === undefined ? spec.gpus : 0;
  });
  return each.reduce((sum, gpus) => sum + gpus, 0);
}

/** `1 prefill, 2 decode` */
function workersText({ processes }: ServingPlan): string {
  const workers = processes.filter(({ kind }) => kind === 'worker');
  const components = [...new Set(workers.map(({ component }) => component))];
  return components
    .map((component) => {
      const count = workers.filter((each) => each.component === component).length;
      return component === 'worker' ? countText(count, 'worker') : `${count} ${component}`;
    })
    .join(', ');
}
