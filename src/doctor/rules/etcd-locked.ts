/** A second etcd waits for ever for the data folder of the first. */
import { lineRule } from '../log-lines.ts';

/** Source: docs/upstream/discovery.md#etcd. */
export const etcdLocked = lineRule(
  {
    id: 'etcd-locked',
    check: 'D10',
    sees: '`another etcd process is using … and holds the file lock`',
    fixes: 'stop the other etcd, or another `--data-dir`',
  },
  /holds the file lock/,
  () => ({
    cause: 'another etcd uses the same data folder, and this one waits for it to end',
    fix: 'pgrep -a etcd   # then stop that one, or give this one another --data-dir',
  }),
);
