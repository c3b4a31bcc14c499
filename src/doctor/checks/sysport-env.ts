/** D07: an exported DYN_SYSTEM_PORT reaches every worker that is started by hand, and they fight for it. */
import { type Check, ok, warn } from '../check.ts';

/** Upstream reads it as a signed 16-bit number. Source: docs/upstream/status-and-health.md#port-numbers. */
const highest = 32_767;

export const sysportEnv: Check = {
  id: 'D07',
  name: 'sysport-env',
  title: 'no status port is set for all processes at once',
  severity: 'warn',
  look: ({ environment, subject }) => {
    const value = environment['DYN_SYSTEM_PORT'];
    if (value === undefined) return ok('DYN_SYSTEM_PORT is not set; dynamo gives each worker its own');
    const port = Number(value);
    const http = subject?.plan?.http.port ?? subject?.wishedHttpPort ?? 8000;
    const trouble = !(Number.isInteger(port) && port > 0)
      ? ', which is no port'
      : port > highest
        ? `, which workers refuse: it is above ${highest}`
        : port === http
          ? ', which is also the HTTP port'
          : '';
    return warn(
      `DYN_SYSTEM_PORT=${value} is exported${trouble}; dynamo ignores it, processes started by hand share it`,
      `unset DYN_SYSTEM_PORT   # dynamo sets one for each worker; valid is 1 to ${highest}`,
    );
  },
};
