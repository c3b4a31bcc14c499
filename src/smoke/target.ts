/** What a smoke test calls: where it answers, and the traits that decide which requests fit it. */
import type { ServingPlan } from '../plan/plan.ts';
import { statusUrl } from '../plan/ports.ts';
import type { Profile, ProofSpec, WorkerMode } from '../profile/profile.ts';

export interface TargetWorker {
  readonly name: string;
  readonly mode: WorkerMode;
  readonly metricsUrl: string;
}

export interface Target {
  /** Without a trailing slash. */
  readonly url: string;
  /** Name of the model in the API. */
  readonly model: string;
  readonly proof: ProofSpec;
  readonly kvRouter: boolean;
  /** Requests go to an encode worker, which refuses those without an image. Seen with 1.4.2 on a GPU. */
  readonly needsImage: boolean;
  /** Workers whose counters can be read; empty for a deployment that dynamo did not start. */
  readonly workers: readonly TargetWorker[];
  /** Only this command sends requests, so counters can be compared exactly. */
  readonly ours: boolean;
}

/** A deployment that this command started. */
export function ownTarget(plan: ServingPlan, profile: Profile): Target {
  const workers = plan.processes.flatMap(({ name, mode, ports }): TargetWorker[] =>
    mode === undefined || ports.system === undefined
      ? []
      : [{ name, mode, metricsUrl: `${statusUrl(plan, ports.system)}/metrics` }],
  );
  return {
    url: plan.http.url,
    model: plan.model.servedName,
    proof: profile.proof,
    kvRouter: routesByCache(profile),
    needsImage: encodesApart(profile),
    workers,
    ours: true,
  };
}

/** A deployment that dynamo did not start; without a profile for it, a chat model is assumed. */
export function foreignTarget(url: string, model: string, profile: Profile | undefined): Target {
  return {
    url,
    model,
    proof: profile?.proof ?? { request: 'chat', maxTokens: 16 },
    kvRouter: profile !== undefined && routesByCache(profile),
    needsImage: profile !== undefined && encodesApart(profile),
    workers: [],
    ours: false,
  };
}

function routesByCache({ components }: Profile): boolean {
  return Object.values(components).some((spec) => spec.kind === 'frontend' && spec.router.mode === 'kv');
}

function encodesApart({ components }: Profile): boolean {
  return Object.values(components).some((spec) => spec.kind === 'worker' && spec.mode === 'encode');
}

export function answersText({ proof }: Target): boolean {
  return proof.request === 'chat' || proof.request === 'vision';
}

/** The different modes of workers that take part in one answer. */
export function rolesOf({ workers }: Target): readonly WorkerMode[] {
  return [...new Set(workers.map(({ mode }) => mode))];
}
