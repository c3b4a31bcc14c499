/** Random profiles, hosts and options for property tests of the plan. */
import * as fc from 'fast-check';
import type { HostFacts, PlanOptions } from '../../src/plan/request.ts';
import type { Profile } from '../../src/profile/profile.ts';
import { frontend, host, options, profileOf, worker } from './profile.ts';

export interface Planned {
  readonly profile: Profile;
  readonly options: PlanOptions;
  readonly host: HostFacts;
}

const modes = [
  'aggregated',
  'prefill',
  'decode',
  'encode',
  'embedding',
  'image',
  'video',
  'diffusion-lm',
] as const;
const conditions = ['started', 'ready'] as const;

/** A worker may wait for any earlier one and for the frontend, so there is no cycle. */
const components = fc
  .array(
    fc.record({
      mode: fc.constantFrom(...modes),
      replicas: fc.integer({ min: 1, max: 4 }),
      waits: fc.array(fc.tuple(fc.nat(), fc.constantFrom(...conditions)), { maxLength: 3 }),
      waitsForFrontend: fc.boolean(),
      stopTimeoutSeconds: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((workers) => {
    const named = workers.map(({ mode, replicas, waits, waitsForFrontend, stopTimeoutSeconds }, i) => {
      const before = i === 0 ? [] : waits.map(([pick, condition]) => [`w${pick % i}`, condition]);
      const edges = waitsForFrontend ? [...before, ['frontend', 'started']] : before;
      return [
        `w${i}`,
        worker(mode, { replicas, dependsOn: Object.fromEntries(edges), stopTimeoutSeconds }),
      ] as const;
    });
    // A process may come before those it waits for: the order in the file has no meaning.
    return Object.fromEntries([...named.toReversed(), ['frontend', frontend]]);
  });

const busyPorts = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 7_990, max: 8_010 })), {
    maxLength: 50,
  })
  .map((ports) => new Map(ports.map((port) => [port, `pid ${port}`])));

/** Busy ports are close to those of the plan, so that it has to avoid some. */
export const planned: fc.Arbitrary<Planned> = fc
  .record({
    components,
    busy: busyPorts,
    runId: fc.stringMatching(/^[a-z]{1,8}-[a-z0-9]{4}$/),
    stopTimeoutMs: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
    env: fc.dictionary(fc.stringMatching(/^[A-Z][A-Z_]{0,8}$/), fc.string(), { maxKeys: 3 }),
  })
  .map((all) => ({
    profile: profileOf({ components: all.components }),
    options: options({ stopTimeoutMs: all.stopTimeoutMs, env: all.env }),
    host: host({ busyPorts: all.busy, runId: all.runId, runFolder: `/state/runs/${all.runId}` }),
  }));
