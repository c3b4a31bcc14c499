/** What `up` of a live run would change, and the change of its workers one after the other. */
import type { Environment } from '../base/environment.ts';
import { planWithSecrets } from '../plan/make-plan.ts';
import { type ProcessSpec, requireServing, type ServingPlan } from '../plan/plan.ts';
import type { Secrets } from '../plan/plan-secrets.ts';
import { comparePlans, type PlanComparison } from '../plan/replace-plan.ts';
import type { Gpu, HostFacts, PlanOptions } from '../plan/request.ts';
import { requireScalable } from '../plan/scale-plan.ts';
import type { Profile } from '../profile/profile.ts';
import { workspaceOf } from '../run/folders.ts';
import { portsOf } from '../run/leases.ts';
import type { StoredRun } from '../run/record.ts';
import { gatherFacts } from './host-facts.ts';
import { additions, factRequest } from './prepare-run.ts';

export interface LivePlan {
  readonly run: StoredRun;
  readonly plan: ServingPlan;
}

export interface LiveComparison extends PlanComparison {
  /** What the templates hide. */
  readonly secrets: Secrets;
  readonly host: HostFacts;
}

/** Plans the profile as if the live run were not there, in its place. Throws DynamoError if there is no valid plan. */
export async function compareWithLive(
  { run, plan: live }: LivePlan,
  profile: Profile,
  asked: PlanOptions,
  environment: Environment,
): Promise<LiveComparison> {
  const workspace = workspaceOf(environment);
  const options: PlanOptions = {
    ...asked,
    httpPort: asked.httpPort ?? live.http.port,
    detached: run.record.detached,
    recordsRequests: live.processes.some(({ env }) => env.DYN_REQUEST_TRACE !== undefined),
  };
  const request = { ...factRequest(profile, options, environment), runId: live.runId };
  const facts = await gatherFacts(workspace, request);
  const observed = await additions(profile, options, environment);
  const { plan: fresh, secrets } = observed(
    (host) => {
      const planned = planWithSecrets(profile, options, host);
      return { ...planned, plan: requireServing(planned.plan) };
    },
    withoutRun(facts, live),
  );
  const comparison = comparePlans(requireScalable(live), fresh);
  return { ...comparison, ...underOtherNames(comparison.templates, secrets), host: facts };
}

/** Its ports and GPUs as if they were free. */
function withoutRun(facts: HostFacts, live: ServingPlan): HostFacts {
  const own = new Set(portsOf(live));
  const gpus = facts.gpus.map((gpu): Gpu => {
    if (gpu.leasedBy !== live.runId) return gpu;
    const { leasedBy: _, heldBy: __, freeMiB: ___, ...idle } = gpu;
    return { ...idle, usedMiB: 0 };
  });
  return { ...facts, gpus, busyPorts: new Map([...facts.busyPorts].filter(([port]) => !own.has(port))) };
}

/** The names of its secrets stay with the processes that have them. */
function underOtherNames(
  templates: PlanComparison['templates'],
  secrets: Secrets,
): Pick<LiveComparison, 'templates' | 'secrets'> {
  const suffix = `_${Date.now().toString(36).toUpperCase()}`;
  const kept: Record<string, string> = {};
  const renamed = (carriers: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(carriers).map(([place, carrier]) => {
        kept[carrier + suffix] = secrets[carrier] ?? '';
        return [place, carrier + suffix];
      }),
    );
  const withNames = Object.entries(templates).map(([component, spec]): [string, ProcessSpec] => {
    const { hidden } = spec;
    if (hidden === undefined) return [component, spec];
    return [component, { ...spec, hidden: { env: renamed(hidden.env), argv: renamed(hidden.argv) } }];
  });
  return { templates: Object.fromEntries(withNames), secrets: kept };
}
