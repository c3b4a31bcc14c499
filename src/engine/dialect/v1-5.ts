/** Dynamo 1.5, with SGLang 0.5.18. Source: docs/upstream/versions.md#flags-that-differ. */
import type { Dialect } from './dialect.ts';
import { v1_4 } from './v1-4.ts';

export const v1_5: Dialect = { ...v1_4, generation: '1.5' };
