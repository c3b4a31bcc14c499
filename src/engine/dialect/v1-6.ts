/** Dynamo 1.6, with SGLang 0.5.21. Source: upstream/verified.md section 2; the flags of its packages. */
import type { Dialect } from './dialect.ts';
import { v1_5 } from './v1-5.ts';

export const v1_6: Dialect = { ...v1_5, generation: '1.6' };
