/**
 * How far the requests at a frontend are: which stage they wait in for their first token, and what that means for workers.
 * The series of Dynamo 1.6.
 */
import type { Labels, Metrics } from './metrics.ts';

type Phase = 'prefill' | 'decode' | 'aggregated' | '';
export type Stage = 'preprocess' | 'route' | 'dispatch';

/** One request. */
export interface Progress {
  /** It waits in this stage now. */
  enter(stage: Stage, phase: Phase): void;
  /** Its first token has come, or it has ended. */
  waitedFor(): void;
}

export function progressOf(metrics: Metrics, model: string): Progress {
  let stage: { readonly labels: Labels; readonly name: Stage; readonly since: number } | undefined;
  const leave = (): void => {
    if (stage === undefined) return;
    metrics.move('dynamo_frontend_stage_requests', stage.labels, -1);
    metrics.move('dynamo_frontend_queued_requests', { model }, -1);
    const seconds = (performance.now() - stage.since) / 1000;
    metrics.observe('dynamo_frontend_stage_duration_seconds', { stage: stage.name }, seconds);
    stage = undefined;
  };
  return {
    enter: (name, phase) => {
      leave();
      stage = { labels: { phase, stage: name }, name, since: performance.now() };
      metrics.move('dynamo_frontend_stage_requests', stage.labels, 1);
      metrics.move('dynamo_frontend_queued_requests', { model }, 1);
    },
    waitedFor: leave,
  };
}

/** What a request means for a worker. */
export interface Work {
  readonly worker: string;
  /** An aggregated worker counts as one for decode. */
  readonly type: 'prefill' | 'decode';
  readonly promptTokens: number;
  readonly blocks: number;
}

export type WorkerLoads = ReturnType<typeof workerLoads>;

/** What the frontend knows of each worker. `isKnown`: whether it is registered; series of one that is not vanish. */
export function workerLoads(metrics: Metrics, isKnown: (worker: string) => boolean) {
  const loads = new Map<string, { type: Work['type']; values: Map<string, number> }>();
  const valuesOf = ({ worker, type }: Pick<Work, 'worker' | 'type'>): Map<string, number> => {
    const load = loads.get(worker) ?? { type, values: new Map<string, number>() };
    loads.set(worker, load);
    return load.values;
  };
  const move = (work: Work, name: string, by: number): void => {
    const values = valuesOf(work);
    values.set(name, Math.max(0, (values.get(name) ?? 0) + by));
  };
  const names = [
    'active_decode_blocks',
    'active_prefill_tokens',
    'last_time_to_first_token_seconds',
    'last_input_sequence_tokens',
    'last_inter_token_latency_seconds',
  ];
  metrics.onRead(() => {
    for (const name of names) metrics.clear(`dynamo_frontend_worker_${name}`);
    for (const [worker_id, { type, values }] of loads) {
      if (!isKnown(worker_id)) loads.delete(worker_id);
      else
        for (const [name, value] of values) {
          const labels = { dp_rank: '0', worker_id, worker_type: type };
          metrics.gauge(`dynamo_frontend_worker_${name}`, labels, value);
        }
    }
  });
  return {
    /** It computes a prompt; returns what ends that. */
    prefill: (work: Work): (() => void) => {
      move(work, 'active_prefill_tokens', work.promptTokens);
      return once(() => move(work, 'active_prefill_tokens', -work.promptTokens));
    },
    /** It holds the blocks of a request; returns what ends that. */
    hold: (work: Work): (() => void) => {
      move(work, 'active_decode_blocks', work.blocks);
      return once(() => move(work, 'active_decode_blocks', -work.blocks));
    },
    firstToken: (work: Work, seconds: number): void => {
      valuesOf(work).set('last_time_to_first_token_seconds', seconds);
      valuesOf(work).set('last_input_sequence_tokens', work.promptTokens);
    },
    nextToken: (work: Work, seconds: number): void =>
      void valuesOf(work).set('last_inter_token_latency_seconds', seconds),
  };
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}
