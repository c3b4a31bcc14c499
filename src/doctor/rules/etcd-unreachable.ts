/** etcd does not answer, in the words of each version. */
import { lineRule } from '../log-lines.ts';

/** 1.1.1 gives up at once, 1.4 and later after 120 s. Source: docs/upstream/discovery.md#etcd; test/fixtures/logs. */
const unreachable =
  /Unable to create lease\. Check etcd server status at (\S+?)(?: retry|\s*$)|etcd startup connection timed out|Could not connect to etcd|etcd not reachable yet/;

export const etcdUnreachable = lineRule(
  {
    id: 'etcd-unreachable',
    check: 'D08',
    sees: '`Unable to create lease. Check etcd server status`, `etcd startup connection timed out`',
    fixes: '`--discovery file`, or start etcd',
  },
  unreachable,
  ({ groups }, { plan, host }) => {
    const planned = plan.discovery.backend === 'etcd' ? plan.discovery.endpoints.join(', ') : undefined;
    const where = groups[0] || planned;
    return {
      cause: `etcd does not answer${where === undefined ? '' : ` at ${where}`}`,
      fix: '--discovery file   # needs no etcd on one host; or start etcd there',
      // One that is full is told of in the same words.
      asks: host.etcdFull === undefined ? [{ about: 'etcd-full' }] : undefined,
    };
  },
);
