/** Says in a plan which Python environment serves, and why that one. */
import type { EngineName } from '../engine/engine.ts';
import type { Choice } from './plan.ts';
import type { PythonEnvironment } from './request.ts';

/** None for the embedded engine, which needs no Python. */
export function pythonChoices(engine: EngineName, python: PythonEnvironment | undefined): Choice[] {
  if (engine === 'sim' || python === undefined) return [];
  const { folder, dynamoVersion, sglangVersion, because } = python;
  const sglang = sglangVersion === undefined ? '' : ` with SGLang ${sglangVersion}`;
  return [{ what: 'python', value: folder, because: `Dynamo ${dynamoVersion}${sglang}: ${because}` }];
}
