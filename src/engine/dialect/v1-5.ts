/** Dynamo 1.5, with SGLang 0.5.18. Source: upstream/verified.md section 2; the flags of its packages. */
import type { Dialect } from './dialect.ts';
import { v1_4 } from './v1-4.ts';

export const v1_5: Dialect = { ...v1_4, generation: '1.5' };
