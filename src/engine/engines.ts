/** All engines, in the order in which they are offered. Each is defined in its own file. */
import type { Backend, EngineKind, EngineName, UpstreamKind } from './engine.ts';
import { mocker } from './mocker.ts';
import { sglang } from './sglang.ts';
import { sim } from './sim.ts';

/** Engines that need a Python environment, which `dynamo setup` creates. */
export const upstreamEngines = { sglang, mocker } satisfies Partial<Record<EngineName, UpstreamKind>>;
export type UpstreamName = keyof typeof upstreamEngines;

export const engines = { ...upstreamEngines, sim } satisfies Record<EngineName, EngineKind>;

const kinds: readonly EngineKind[] = Object.values(engines);
export const engineNames = kinds.map(({ name }) => name);

/** What `--engine auto` selects: `real` if there are GPUs (or `device: cpu`) and its packages, else `simulated`. */
export const autoEngines = { real: sglang, simulated: sim };

/** What `dynamo setup` installs by default. */
export const setupEngines = { withGpus: 'sglang', withoutGpus: 'mocker' } satisfies Record<
  string,
  UpstreamName
>;

/** All packages that engines compute with. */
export const backends: readonly Backend[] = Object.values(upstreamEngines).flatMap(
  ({ python }) => python.backend ?? [],
);

/** `undefined` for an engine of another version of dynamo, or a run without an engine. */
export function findEngine(name: string): EngineKind | undefined {
  return kinds.find((kind) => kind.name === name);
}
