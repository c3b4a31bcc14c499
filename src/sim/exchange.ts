/** One request to the frontend on its way to an answer. */
import type { ServerResponse } from 'node:http';
import type { Body } from './fields.ts';
import type { Metrics } from './metrics.ts';
import type { Registry } from './registry.ts';
import type { Router } from './router.ts';
import type { SeededFault } from './seeded-fault.ts';

/** What all requests share. */
export interface Shared {
  readonly registry: Registry;
  readonly router: Router;
  readonly metrics: Metrics;
  readonly fault: SeededFault | undefined;
}

export interface Exchange extends Shared {
  readonly id: string;
  readonly body: Body;
  readonly model: string;
  readonly response: ServerResponse;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}
