/** What NVIDIA's planner, `python -m dynamo.planner`, needs in a Python environment, by version of Dynamo. */
import { compareVersions } from '../../base/package-version.ts';
import type { Deviation } from '../engine.ts';

/** A module that the planner imports as it starts, and that `ai-dynamo` does not require. Seen with 1.2.1, 1.3.1, 1.4.2, 1.5.1, 1.6.1. */
interface PlannerModule {
  readonly module: string;
  /** Its package on PyPI; absent if there is none. */
  readonly distribution?: string;
  readonly since: string;
  readonly before?: string;
}

const modules: readonly PlannerModule[] = [
  { module: 'sklearn', distribution: 'scikit-learn', since: '1.2' },
  { module: 'prometheus_api_client', distribution: 'prometheus-api-client', since: '1.2' },
  { module: 'plotly', distribution: 'plotly', since: '1.2' },
  { module: 'pmdarima', distribution: 'pmdarima', since: '1.2' },
  { module: 'filterpy', distribution: 'filterpy', since: '1.2' },
  { module: 'prophet', distribution: 'prophet', since: '1.2' },
  { module: 'grpc', distribution: 'grpcio', since: '1.3' },
  // 1.6 imports the same from aisimulate, of which PyPI has only a placeholder.
  { module: 'aiconfigurator_core', distribution: 'aiconfigurator-core==0.12.0', since: '1.5', before: '1.6' },
  { module: 'aisimulate_core', since: '1.6' },
];

/** The newest version whose planner was seen to scale workers, and what `dynamo setup` installs for it. */
export const plannerVersion = '1.4.2';

const tooOld = '1.2';

function neededAt(version: string): PlannerModule[] {
  return modules.filter(
    ({ since, before }) =>
      compareVersions(version, `${since}.dev0`) >= 0 &&
      (before === undefined || compareVersions(version, `${before}.dev0`) < 0),
  );
}

/** Why no environment that `dynamo setup` makes can run the planner of this version; `undefined` if one can. */
export function plannerObstacle(version: string): string | undefined {
  if (compareVersions(version, `${tooOld}.dev0`) < 0) {
    return `the planner of Dynamo ${version} cannot read the size of a worker outside Kubernetes; ${tooOld} can`;
  }
  const missing = neededAt(version).find(({ distribution }) => distribution === undefined);
  if (missing === undefined) return undefined;
  return `the planner of Dynamo ${version} imports ${missing.module}, which PyPI does not have`;
}

/** Packages that `dynamo setup --with planner` adds. */
export function plannerPackages(version: string): Deviation[] {
  return neededAt(version).flatMap(({ distribution, module, since }) =>
    distribution === undefined
      ? []
      : [
          {
            line: distribution,
            because: `the planner imports ${module}, which ai-dynamo does not require`,
            since,
          },
        ],
  );
}

/**
 * What keeps the planner from starting in an environment; `undefined` if nothing does. `has`: whether a module can be found in it.
 */
export function plannerLack(version: string, has: (module: string) => boolean): string | undefined {
  const missing = neededAt(version).filter(({ module }) => !has(module));
  const [first] = missing;
  if (first === undefined || compareVersions(version, `${tooOld}.dev0`) < 0) return plannerTooOld(version);
  return first.distribution === undefined || missing.some(({ distribution }) => distribution === undefined)
    ? plannerObstacle(version)
    : `its planner lacks ${missing.map(({ distribution }) => distribution?.replace(/==.*/, '')).join(', ')}`;
}

function plannerTooOld(version: string): string | undefined {
  return compareVersions(version, `${tooOld}.dev0`) < 0 ? plannerObstacle(version) : undefined;
}
