/** What a client of a deployment reads from its environment: OpenAI's variables, and ours. */
import type { ServingPlan } from '../plan/plan.ts';

/** For `exec` and the library alike. DYNAMO_RUN_ID is not among them: it marks processes that we may end. */
export function clientEnvironment(plan: ServingPlan): Record<string, string> {
  const [frontend] = plan.processes.filter(({ kind }) => kind === 'frontend');
  const { no_proxy: lower, NO_PROXY: upper } = frontend?.env ?? {};
  return {
    OPENAI_BASE_URL: `${plan.http.url}/v1`,
    OPENAI_API_KEY: 'EMPTY',
    OPENAI_MODEL: plan.model.servedName,
    DYNAMO_URL: plan.http.url,
    DYNAMO_RUN: plan.runId,
    DYNAMO_PROFILE: plan.profile.name,
    DYNAMO_ENGINE: plan.engine,
    DYNAMO_LOGS: `${plan.runFolder}/logs`,
    // Proxies must not stand between a client and this host.
    ...(lower === undefined ? {} : { no_proxy: lower }),
    ...(upper === undefined ? {} : { NO_PROXY: upper }),
  };
}
