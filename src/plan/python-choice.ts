/** Says which Python environment serves and why that one, and what it holds. */
import type { Backend, EngineKind } from '../engine/engine.ts';
import { backends } from '../engine/engines.ts';
import type { Choice } from './plan.ts';
import type { PythonEnvironment } from './request.ts';

/** None for the embedded engine, which needs no Python. */
export function pythonChoices(
  { python: need }: Pick<EngineKind, 'python'>,
  python: PythonEnvironment | undefined,
): Choice[] {
  if (need === undefined || python === undefined) return [];
  const { folder, dynamoVersion, because } = python;
  return [
    { what: 'python', value: folder, because: `Dynamo ${dynamoVersion}${withBackends(python)}: ${because}` },
  ];
}

/** ` with SGLang 0.5.16`, or nothing where there is nothing to compute with. */
export function withBackends(python: Pick<PythonEnvironment, 'backends'>): string {
  const held = backends.flatMap(({ distribution, title }) => {
    const version = python.backends[distribution];
    return version === undefined ? [] : [`${title} ${version}`];
  });
  return held.length === 0 ? '' : ` with ${held.join(' and ')}`;
}

/** Whether an environment lacks what an engine computes with. */
export function lacksBackend(
  backend: Backend | undefined,
  { backends: held }: Pick<PythonEnvironment, 'backends'>,
): boolean {
  return backend !== undefined && held[backend.distribution] === undefined;
}
