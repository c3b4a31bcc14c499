/** The command line of a worker, and the model card and discovery address derived from it. */
import { amount, oneOf, onOff, readFlags, text, whole } from './flags.ts';
import { workerModes, type Card } from './discovery.ts';
import { exitWith } from './log.ts';
import { faultFlags } from './faults.ts';

const table = {
  ...faultFlags,
  mode: oneOf(workerModes),
  'model-path': text,
  'served-model-name': text,
  'page-size': whole(1),
  'context-length': whole(1),
  'max-total-tokens': whole(1),
  'max-running-requests': whole(1),
  'bootstrap-port': whole(0, 65_535),
  'bootstrap-host': text,
  nnodes: whole(1),
  'node-rank': whole(0),
  'dist-init-addr': text,
  endpoint: text,
  multimodal: onOff,
  'dedicated-encoder': onOff,
  'kv-events': onOff,
  'media-dir': text,
  'media-http-url': text,
  'tokens-per-second': amount,
  'broken-transfer': onOff,
  opening: text,
  'hang-after': amount,
  'stall-after': amount,
};

export type WorkerFlags = ReturnType<typeof readWorkerFlags>;

export function readWorkerFlags(argv: readonly string[]) {
  const flags = readFlags('worker', argv, table);
  const path = flags['model-path'];
  if (path === undefined) refuse('the following arguments are required: --model-path');
  return { ...flags, mode: flags.mode ?? 'aggregated', 'model-path': path };
}

export function cardOf(flags: WorkerFlags, bootstrap: string | null): Card {
  const pageSize = flags['page-size'] ?? 16;
  return {
    display_name: flags['served-model-name'] ?? flags['model-path'],
    source_path: flags['model-path'],
    context_length: flags['context-length'] ?? 32_768,
    kv_cache_block_size: pageSize,
    total_kv_blocks: Math.max(1, Math.floor((flags['max-total-tokens'] ?? 131_072) / pageSize)),
    worker_mode: flags.mode,
    multimodal: flags.multimodal === true,
    dedicated_encoder: flags['dedicated-encoder'] === true,
    bootstrap,
  };
}

export type Place = readonly [namespace: string, component: string, endpoint: string];

export function placeOf({ mode, endpoint }: WorkerFlags, namespace = 'dynamo'): Place {
  if (endpoint === undefined) {
    return [namespace, mode === 'prefill' || mode === 'encode' ? mode : 'backend', 'generate'];
  }
  const [first, second, third, ...more] = endpoint.replace(/^dyn:\/\//, '').split('.');
  if (first && second && third && more.length === 0) return [first, second, third];
  refuse(`argument --endpoint: expected namespace.component.endpoint, got ${endpoint}`);
}

function refuse(problem: string): never {
  exitWith(2, `sim worker: error: ${problem}`);
}
