/** The configuration of NVIDIA's planner, as JSON for `python -m dynamo.planner --config FILE`. Fields: PlannerConfig of 1.2.1 to 1.5.1. */
import { DynamoError } from '../../base/error.ts';
import { compareVersions } from '../../base/package-version.ts';
import type { PlannerSpec } from '../../profile/profile.ts';

/** What it scales: one component by role. In aggregated deployments, the workers are its decode workers. */
export interface PlannedRole {
  readonly role: 'prefill' | 'decode';
  /** Of the profile. */
  readonly component: string;
  readonly min: number;
  readonly max: number;
  /** Of each worker; 1 where the engine uses none, so that the budget counts workers. */
  readonly gpus: number;
}

export interface PlannerTask {
  readonly spec: PlannerSpec;
  readonly target: PlannerSpec['target'];
  readonly backend: string;
  readonly servedModelName: string;
  readonly mode: 'agg' | 'disagg';
  readonly roles: readonly PlannedRole[];
  /** GPUs of all workers together. */
  readonly gpuBudget: number;
}

const firstWithLoad = '1.3';
const firstWithMinimumOfRoles = '1.5';

/** `version`: of Dynamo. Throws `usage` or `environment` for a target that lacks its thresholds, or that this version lacks. */
export function plannerConfig(task: PlannerTask, version: string): Record<string, unknown> {
  const { spec, target, backend, servedModelName, mode, roles, gpuBudget } = task;
  const [prefill, decode] = (['prefill', 'decode'] as const).map((each) =>
    roles.find(({ role }) => role === each),
  );
  return {
    environment: 'virtual',
    backend,
    mode,
    model_name: servedModelName,
    optimization_target: target,
    ...thresholds(task, version),
    load_adjustment_interval_seconds: spec.intervalSeconds,
    max_gpu_budget: gpuBudget,
    // The only minimum before 1.5: that of a role beyond it is held when the decision is carried out.
    min_endpoint: Math.min(...roles.map(({ min }) => min)),
    ...(compareVersions(version, `${firstWithMinimumOfRoles}.dev0`) < 0
      ? {}
      : {
          // Refused in mode agg. Seen with 1.5.1.
          ...(mode === 'agg' ? {} : { prefill_min_endpoint: prefill?.min, decode_min_endpoint: decode?.min }),
          // Port 9086 on loopback, without a login, in each run: off.
          control_api_port: 0,
        }),
    prefill_engine_num_gpu: prefill?.gpus ?? 1,
    decode_engine_num_gpu: decode?.gpus ?? 1,
    // Otherwise it looks for results of a profiler, which needs Kubernetes.
    pre_deployment_sweeping_mode: 'none',
    // Port 8080 in each run, on all addresses: off.
    live_dashboard_port: 0,
    report_interval_hours: null,
  };
}

/** Those of `throughput` and `latency` are fixed by upstream. */
function thresholds({ spec, target, mode }: PlannerTask, version: string): Record<string, unknown> {
  switch (target) {
    case 'throughput':
    case 'latency':
      return {};
    case 'sla':
      // What its traffic forecast needs is a Prometheus in the cluster; load against ttft and itl needs none.
      return {
        ...required(
          target,
          { ttftMs: spec.ttftMs, itlMs: spec.itlMs },
          { ttftMs: 'ttft_ms', itlMs: 'itl_ms' },
        ),
        enable_load_scaling: true,
        enable_throughput_scaling: false,
      };
    case 'load': {
      if (compareVersions(version, `${firstWithLoad}.dev0`) < 0) {
        throw new DynamoError(
          'environment',
          `--planner load needs Dynamo ${firstWithLoad}; this is ${version}.`,
          {
            hint: '--planner throughput',
            fields: { option: '--planner', asked: target, version },
          },
        );
      }
      const { prefillScaleUpQueueTokens, prefillScaleDownQueueTokens } = spec;
      const { decodeScaleUpKvRate, decodeScaleDownKvRate } = spec;
      return {
        ...(mode === 'agg'
          ? {}
          : required(
              target,
              { prefillScaleUpQueueTokens, prefillScaleDownQueueTokens },
              {
                prefillScaleUpQueueTokens: 'prefill_scale_up_queue_tokens',
                prefillScaleDownQueueTokens: 'prefill_scale_down_queue_tokens',
              },
            )),
        ...required(
          target,
          { decodeScaleUpKvRate, decodeScaleDownKvRate },
          {
            decodeScaleUpKvRate: 'decode_scale_up_kv_rate',
            decodeScaleDownKvRate: 'decode_scale_down_kv_rate',
          },
        ),
      };
    }
  }
}

/** The values under upstream's names. Throws `usage` naming the first key that the profile lacks. */
function required<K extends string>(
  target: string,
  given: Readonly<Record<K, number | undefined>>,
  names: Readonly<Record<K, string>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries<string>(names).map(([key, name]) => {
      const value = given[key as K];
      if (value !== undefined) return [name, value];
      throw new DynamoError('usage', `--planner ${target}: the profile does not set planner.${key}.`, {
        hint: `--set planner.${key}=NUMBER   # or --planner throughput, which needs no thresholds`,
        fields: { option: '--planner', asked: target, key: `planner.${key}` },
      });
    }),
  );
}
