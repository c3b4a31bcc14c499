/** A child of a worker was ended from outside: SGLang leaves 5 s to over 60 s later, by ending its own tree. */
import { seen } from '../log-lines.ts';
import type { Rule } from '../rule.ts';

/** Source: docs/upstream/processes.md#who-dies-with-whom; test/fixtures/logs. */
export const childDied: Rule = {
  id: 'child-died',
  kind: 'consequence',
  sees: '`Subprocess scheduler_0 (pid=…) crashed with exit code -9`, or that a scheduler is gone',
  fixes: '`dynamo logs`, and who ends processes on this host',
  find: (situation) => {
    const { failure, subject, host } = situation;
    if (subject === undefined) return undefined;
    const told = seen(situation, /Subprocess (\w+) \(pid=(\d+)\) crashed with exit code (-?\d+)/);
    const mine = subject.spec.name === failure.process;
    // The supervisor sees it up to a minute before the engine says so.
    const lost = mine ? /its (\S+) \(pid (\d+)\) ended/.exec(failure.message) : null;
    if (told === undefined && lost === null) return undefined;
    const [child = '', pid = '', code] = told?.groups ?? lost?.slice(1) ?? [];
    const innocent = host.kernelKills?.cgroup === 0 ? ", not by the kernel's OOM killer" : '';
    const how =
      code === undefined
        ? `ended${innocent}`
        : code.startsWith('-')
          ? `was ended by signal ${code.slice(1)}${innocent}`
          : `ended with ${code}`;
    return {
      cause: `${child} of ${subject.spec.name} (pid ${pid}) ${how}, and a worker cannot go on without it`,
      evidence: [told?.line ?? failure.message],
      fix: `dynamo logs ${subject.spec.name}`,
      ...(told === undefined ? { fromOutside: true as const } : {}),
    };
  },
};
