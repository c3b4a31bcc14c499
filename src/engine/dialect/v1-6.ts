/** Dynamo 1.6, with SGLang 0.5.21. Source: docs/upstream/versions.md#flags-that-differ. */
import type { Dialect } from './dialect.ts';
import { v1_5 } from './v1-5.ts';

export const v1_6: Dialect = { ...v1_5, generation: '1.6' };
