/** What `dynamo setup` was asked for, and whether the user has it already. */
import { upstreamEngines, type UpstreamName } from '../../engine/engines.ts';
import type { PythonEnvironment } from '../../plan/request.ts';
import { findUsersEnvironment } from '../../python/find-environment.ts';
import type { Recipe } from '../../python/recipe.ts';

/** What shall be there in the end. */
export interface Wanted {
  readonly engine: UpstreamName | undefined;
  readonly infra: boolean;
  readonly version: string | undefined;
  readonly python: string | undefined;
  /** Whether an environment of the user may do. */
  readonly adopt: boolean;
}

/** Any version of theirs will do, unless one was asked for. */
export function usersEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  recipe: Recipe,
  { adopt, python, version }: Wanted,
): PythonEnvironment | undefined {
  if (!adopt) return undefined;
  const { backend } = upstreamEngines[recipe.engine].python;
  return findUsersEnvironment(
    { environment, asked: python, backend },
    version === undefined ? undefined : recipe.version,
  );
}
