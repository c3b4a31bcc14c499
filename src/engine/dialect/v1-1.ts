/**
 * Dynamo 1.1, with SGLang 0.5.10.
 * Source: docs/upstream/versions.md#flags-that-differ, docs/upstream/launch-scripts.md.
 */
import type { Dialect } from './dialect.ts';

export const v1_1: Dialect = {
  generation: '1.1',
  encodeComponent: 'encoder',
  multimodal: 'worker-kinds',
  frontendDecoding: false,
  unifiedModule: 'dynamo.sglang.unified_main',
  withoutPrefillGraphs: ['--disable-piecewise-cuda-graph'],
  fractionWithTokenCap: undefined,
  embeddingTransfer: undefined,
  mockerContextLength: false,
};
