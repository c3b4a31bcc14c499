/** Figures of one moment as flat numbers by name: what charts draw and the sample file of a run keeps. Pure. */
import type {
  Distribution,
  Figures,
  ProcessFigures,
  ServingFigures,
  WorkFigures,
} from '../metrics/figures.ts';
import type { Sample, Usage } from '../page/messages.ts';

type Numbers = readonly (readonly [name: string, value: number | undefined])[];

/** What is not known is absent. `figures`: over a short window, so that a chart shows when something began. */
export function sampleOf(at: number, figures: Figures, usage: Readonly<Record<string, Usage>>): Sample {
  const named: Numbers = [
    ...serving(figures.deployment),
    ...figures.roles.flatMap((role) => under(`role/${role.role}`, working(role))),
    ...figures.processes.flatMap(ofProcess),
    ...Object.entries(usage).flatMap(([name, { cpuPercent, memoryBytes }]) =>
      under(`process/${name}`, [
        ['cpu', cpuPercent],
        ['memory', memoryBytes],
      ]),
    ),
  ];
  const values = named.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, rounded(value)] as const],
  );
  return { at: Math.round(at), values: Object.fromEntries(values) };
}

function under(place: string, numbers: Numbers): Numbers {
  return numbers.map(([name, value]) => [`${place}/${name}`, value]);
}

function ofProcess(process: ProcessFigures): Numbers {
  // Those of the frontend are those of the deployment.
  if (process.kind === 'frontend') return [];
  return process.answers ? under(`process/${process.name}`, working(process)) : [];
}

function serving(of: ServingFigures): Numbers {
  return [
    ['requests', of.requestsPerSecond],
    ['inFlight', of.inFlight],
    ['queued', of.queued],
    ['outputTokens', of.outputTokensPerSecond],
    ['inputTokens', of.inputTokensPerSecond],
    ['errors', of.errors],
    ['hitRate', of.cacheHitRate],
    ['cachedShare', of.cachedTokenShare],
    ...spread('ttft', of.ttftMs),
    ...spread('itl', of.itlMs),
    ...spread('request', of.requestMs),
  ];
}

function working(of: WorkFigures): Numbers {
  const { transfer } = of;
  return [
    ['requests', of.requestsPerSecond],
    ['inFlight', of.inFlight],
    ['running', of.running],
    ['queued', of.queued],
    ['kvUsage', of.kvUsage],
    ['gpuMemory', of.gpuMemoryBytes],
    ['gpuUse', of.gpuUsePercent],
    ...spread('transfer', transfer?.latencyMs),
    ['transferSpeed', transfer?.gigabytesPerSecond?.mean],
    ['bootstrapQueue', transfer?.bootstrapQueue],
    ['sendQueue', transfer?.sendQueue],
    ['preallocationQueue', transfer?.preallocationQueue],
    ['receiveQueue', transfer?.receiveQueue],
  ];
}

function spread(name: string, of: Distribution | undefined): Numbers {
  return [
    [`${name}.p50`, of?.p50],
    [`${name}.p95`, of?.p95],
    [`${name}.p99`, of?.p99],
  ];
}

/** Four digits that count: a file of samples takes half the space. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
