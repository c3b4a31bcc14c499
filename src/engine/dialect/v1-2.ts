/** Dynamo 1.2 and 1.3, with SGLang 0.5.11 and 0.5.14. Source: docs/upstream/versions.md#flags-that-differ. */
import type { Dialect } from './dialect.ts';
import { v1_1 } from './v1-1.ts';

export const v1_2: Dialect = { ...v1_1, generation: '1.2', frontendDecoding: true };

/** Workers refuse images unless they are told to take them; the old kinds of multimodal worker still work. */
export const v1_3: Dialect = {
  ...v1_2,
  generation: '1.3',
  encodeComponent: 'encode',
  multimodal: 'modes',
  fractionWithTokenCap: 0.9,
  embeddingTransfer: 'nixl-read',
};
