/** Dynamo reads the port of a worker's status server as a signed 16 bit number. */
import { lineRule } from '../log-lines.ts';

/** All versions. Source: docs/upstream/status-and-health.md#port-numbers. */
export const systemPortRange = lineRule(
  {
    id: 'system-port-range',
    check: 'D07',
    sees: '`expected i16 for key "SYSTEM_PORT"`',
    fixes: 'a `DYN_SYSTEM_PORT` of at most 32767, or none: the launcher plans one',
  },
  /invalid value .*`(\d+)`.*expected i16 for key "SYSTEM_PORT"|expected i16 for key "SYSTEM_PORT"/,
  ({ groups }) => ({
    cause: `DYN_SYSTEM_PORT${groups[0] ? ` is ${groups[0]}, and` : ''} must be at most 32767`,
    fix: 'unset DYN_SYSTEM_PORT   # each worker gets one that is planned',
  }),
);
