/** A child of a worker was ended from outside: SGLang leaves 5 s to over 60 s later, by ending its own tree. */
import { lineRule } from '../log-lines.ts';

/** Source: upstream/sglang-on-gpu.md section 3 and its recordings. */
export const childDied = lineRule(
  {
    id: 'child-died',
    kind: 'consequence',
    sees: '`Subprocess scheduler_0 (pid=…) crashed with exit code -9`',
    fixes: '`dynamo logs`, and who ends processes on this host',
  },
  /Subprocess (\w+) \(pid=(\d+)\) crashed with exit code (-?\d+)/,
  ({ groups }, { subject, host }) => {
    const [child = '', pid = '', code = ''] = groups;
    const innocent = host.kernelKills?.cgroup === 0 ? ", not by the kernel's OOM killer" : '';
    const how = code.startsWith('-')
      ? `was ended by signal ${code.slice(1)}${innocent}`
      : `ended with ${code}`;
    return {
      cause: `${child} of ${subject?.spec.name ?? 'a worker'} (pid ${pid}) ${how}, and a worker cannot go on without it`,
      fix: `dynamo logs ${subject?.spec.name ?? ''}`.trim(),
    };
  },
);
