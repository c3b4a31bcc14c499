/** etcd answers and takes no more: Dynamo says the same of it as of one that is not there. */
import { roomCommand } from '../../plan/etcd-space.ts';
import type { Plan } from '../../plan/plan.ts';
import { lineRule } from '../log-lines.ts';

/**
 * The second of etcd itself and of whoever passes on what it says. Source: recordings of Dynamo 1.1.1 and 1.6.1 and of
 * etcd 3.4.23; JSON from 3.5 on.
 */
const lost =
  /Unable to create lease|Could not connect to etcd|etcd not reachable yet|etcd startup connection/;
const full = /alarm NOSPACE raised|"alarm":"NOSPACE"|etcdserver: no space|database space exceeded/;

export const etcdFull = lineRule(
  {
    id: 'etcd-full',
    check: 'D08',
    sees: '`Unable to create lease` while etcd has the alarm NOSPACE; `database space exceeded`, or `alarm NOSPACE raised` in the log of etcd',
    fixes: "another start where etcd is the run's own; else `etcdctl compact`, `defrag` and `alarm disarm`",
  },
  new RegExp(`${lost.source}|${full.source}`),
  ({ line }, { plan, host }) => {
    if (!full.test(line) && host.etcdFull !== true) return undefined;
    const where = plan.discovery.backend === 'etcd' ? ` at ${plan.discovery.endpoints.join(', ')}` : '';
    return { cause: `etcd${where} is full: it answers, and takes nothing new`, fix: fixFor(plan) };
  },
);

/** Data of our own go with the run, unless they are to stay. */
function fixFor({ infra, discovery, profile }: Plan): string {
  const etcd = infra?.etcd;
  if (etcd?.from === 'shared') return 'dynamo infra down && dynamo infra up';
  if (etcd?.from === 'external' || etcd === undefined) {
    return roomCommand(discovery.backend === 'etcd' ? discovery.endpoints.join(',') : '$ETCD_ENDPOINTS');
  }
  const kept = infra?.folders.find(({ path, kept: stays }) => stays && path.endsWith('/etcd'));
  const again = `dynamo up ${profile.name}`;
  return kept === undefined
    ? again
    : `rm -r ${kept.path} && ${again}   # registrations only: they come again`;
}
