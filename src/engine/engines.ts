/** The engines there are, in the order in which they are offered. What is known of one is in its own file. */
import type { Backend, EngineKind, EngineName, UpstreamKind } from './engine.ts';
import { mocker } from './mocker.ts';
import { sglang } from './sglang.ts';
import { sim } from './sim.ts';

/** Those that need a Python environment, which `dynamo setup` makes. */
export const upstreamEngines = { sglang, mocker } satisfies Partial<Record<EngineName, UpstreamKind>>;
export type UpstreamName = keyof typeof upstreamEngines;

export const engines = { ...upstreamEngines, sim } satisfies Record<EngineName, EngineKind>;

const kinds: readonly EngineKind[] = Object.values(engines);
export const engineNames = kinds.map(({ name }) => name);

/** What `--engine auto` takes: the first where there are GPUs or `device: cpu` and its packages, else the second. */
export const autoEngines = { real: sglang, simulated: sim };

/** What `dynamo setup` installs when nobody says what. */
export const setupEngines = { withGpus: 'sglang', withoutGpus: 'mocker' } satisfies Record<
  string,
  UpstreamName
>;

/** Every package that some engine computes with. */
export const backends: readonly Backend[] = Object.values(upstreamEngines).flatMap(
  ({ python }) => python.backend ?? [],
);

/** `undefined` for what a record of another version names, or a run without an engine. */
export function findEngine(name: string): EngineKind | undefined {
  return kinds.find((kind) => kind.name === name);
}
