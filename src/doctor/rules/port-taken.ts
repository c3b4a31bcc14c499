/** Another process has a port that this one was to listen on. */
import { seen } from '../log-lines.ts';
import type { ProcessSpec } from '../../plan/plan.ts';
import type { Rule } from '../rule.ts';

/**
 * Each with the port in a group, 1.1.1 and 1.6.1.
 * Source: docs/upstream/frontend.md#failures-at-the-start, docs/upstream/status-and-health.md#port-numbers.
 */
const patterns = [
  /port (\d+) already in use/,
  /Failed to bind to address \S*:(\d+): .*[Aa]ddress already in use/,
  /error while attempting to bind on address \('[^']*', (\d+).*address already in use/,
  /port: (\d+).*EADDRINUSE/,
  /EADDRINUSE.*:(\d+)/,
];

export const portTaken: Rule = {
  id: 'port-taken',
  check: 'D06',
  kind: 'cause',
  sees: '`port 8000 already in use`, `Failed to bind to address`, `EADDRINUSE`',
  fixes: 'stop the process that is named, or start again: other ports are taken',
  find: (situation) => {
    const found = patterns.map((pattern) => seen(situation, pattern)).find((each) => each !== undefined);
    const { subject, host } = situation;
    if (found === undefined || subject === undefined) return undefined;
    const port = Number(found.groups[0]);
    const known = host.portHolders?.has(port) === true;
    const holder = host.portHolders?.get(port);
    const name = nameOf(subject.spec, port);
    return {
      cause: `${name === undefined ? '' : `the ${name} `}port ${port} is taken${holder === undefined ? '' : ` by ${holder}`}${known && holder === undefined ? ', though nobody listens there any more' : ''}`,
      evidence: [found.line],
      fix:
        name === 'http'
          ? 'leave --http-port out to get a free one, or stop that process'
          : 'stop that process, or start again: other ports are planned then',
      asks: known ? undefined : [{ about: 'port-holder', port }],
    };
  },
};

function nameOf({ ports }: ProcessSpec, port: number): string | undefined {
  return Object.entries(ports).find(([, planned]) => planned === port)?.[0];
}
