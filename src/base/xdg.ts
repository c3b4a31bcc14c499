/** Folders as the XDG Base Directory Specification names them. */
import type { Environment } from './environment.ts';

type Variable = 'XDG_STATE_HOME' | 'XDG_CONFIG_HOME' | 'XDG_DATA_HOME' | 'XDG_CACHE_HOME' | 'XDG_RUNTIME_DIR';

/**
 * The value of the variable; `undefined` if it is unset or a relative path: "all paths set in these environment
 * variables must be absolute. If an implementation encounters a relative path [...] it should consider the path invalid
 * and ignore it."
 */
export function xdgFolder(environment: Environment, variable: Variable): string | undefined {
  const folder = environment[variable];
  return folder?.startsWith('/') === true ? folder : undefined;
}
