/** Reads counters and gauges of workers and of the frontend. */
import { sumOfSeries } from '../base/metrics-text.ts';
import type { WorkerMode } from '../profile/profile.ts';
import type { Client } from './client.ts';
import type { Target } from './target.ts';

const generate = { dynamo_endpoint: 'generate' };

async function ofWorkers(client: Client, target: Target, series: string): Promise<Map<WorkerMode, number>> {
  const counts = await Promise.all(
    target.workers.map(async ({ mode, metricsUrl }) => ({
      mode,
      count: sumOfSeries((await client.read(metricsUrl)).toString(), series, generate),
    })),
  );
  const sums = new Map<WorkerMode, number>();
  for (const { mode, count } of counts) sums.set(mode, (sums.get(mode) ?? 0) + count);
  return sums;
}

/** Requests taken so far, by role. */
export async function requestsByRole(client: Client, target: Target): Promise<Map<WorkerMode, number>> {
  return await ofWorkers(client, target, 'dynamo_component_requests_total');
}

/** Requests under way: at the workers where they can be asked, else at the frontend. */
export async function requestsUnderWay(client: Client, target: Target): Promise<number> {
  if (target.workers.length === 0) {
    return await ofFrontend(client, 'dynamo_frontend_inflight_requests');
  }
  const sums = await ofWorkers(client, target, 'dynamo_component_inflight_requests');
  return [...sums.values()].reduce((sum, count) => sum + count, 0);
}

export async function ofFrontend(
  client: Client,
  series: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  return sumOfSeries((await client.read('/metrics')).toString(), series, labels);
}
