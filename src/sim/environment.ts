/** The environment variables that configure every process, checked once at start-up. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitWith } from './log.ts';
import { variables } from './variables.ts';

export type SimEnvironment = ReturnType<typeof readEnvironment>;

export function readEnvironment() {
  const env = variables;
  allow('DYN_REQUEST_PLANE', ['tcp']);
  return {
    discovery: allow('DYN_DISCOVERY_BACKEND', ['file', 'etcd']),
    /** For the `file` backend. */
    discoveryFolder: env['DYN_FILE_KV'] || join(tmpdir(), 'dynamo_store_kv'),
    /** If undefined, a frontend serves every namespace and a worker registers in `dynamo`. */
    namespace: env['DYN_NAMESPACE'] || undefined,
    events: allow('DYN_EVENT_PLANE', ['zmq', 'nats', 'none']),
    rpcHost: env['DYN_TCP_RPC_HOST'] || '127.0.0.1',
    /** 0: one that the kernel chooses. */
    rpcPort: Number(env['DYN_TCP_RPC_PORT']) || 0,
    systemHost: env['DYN_SYSTEM_HOST'] || '127.0.0.1',
    bodyLimit: (Number(env['DYN_HTTP_BODY_LIMIT_MB']) || 45) * 1024 * 1024,
  };
}

/** The first value is the default. Refuses the others, since a process that silently joins nothing is harder to debug. */
function allow<T extends string>(name: string, possible: readonly [T, ...T[]]): T {
  const value = variables[name] || possible[0];
  const found = possible.find((one) => one === value);
  if (found !== undefined) return found;
  const supported = possible.join(', ');
  exitWith(
    1,
    `Exception: ${name}=${value} is not supported by the embedded engine sim (supported: ${supported})`,
  );
}

/**
 * Undefined if there is no status server. Upstream reads the port as an i16 and fails above 32767.
 * Source: docs/upstream/status-and-health.md#port-numbers.
 */
export function systemPort(): number | undefined {
  const text = variables['DYN_SYSTEM_PORT'] || '-1';
  const port = Number(text);
  if (Number.isInteger(port) && port <= 32_767) return port < 0 ? undefined : port;
  const kind = Number.isInteger(port) ? `unsigned int \`${text}\`` : `string "${text}"`;
  const where = 'expected i16 for key "SYSTEM_PORT" in `DYN_SYSTEM_` environment variable(s)';
  exitWith(1, `Exception: invalid value ${kind}, ${where}`);
}
