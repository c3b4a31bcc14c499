/**
 * Dynamo 1.4, with SGLang 0.5.16.
 * Source: docs/upstream/versions.md#flags-that-differ, docs/upstream/launch-scripts.md.
 */
import type { Dialect } from './dialect.ts';
import { v1_3 } from './v1-2.ts';

export const v1_4: Dialect = {
  ...v1_3,
  generation: '1.4',
  unifiedModule: undefined,
  // The flag of before is an alias of this one that says so in a warning, and gone in 1.6.
  withoutPrefillGraphs: ['--cuda-graph-backend-prefill', 'disabled'],
  mockerContextLength: true,
};
