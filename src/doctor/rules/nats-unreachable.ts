/** NATS does not answer, in the words of each version. */
import { lineRule } from '../log-lines.ts';

/** 1.1.1 and 1.6.1. Source: docs/upstream/discovery.md#nats; test/fixtures/logs. */
const unreachable = /Failed to connect to NATS|NATS startup connection timed out|NATS not reachable yet/;

export const natsUnreachable = lineRule(
  {
    id: 'nats-unreachable',
    check: 'D11',
    sees: '`Failed to connect to NATS`, `NATS startup connection timed out`',
    fixes: '`--events zmq`, or `nats-server -js`',
  },
  unreachable,
  (_, { plan, subject }) => {
    const inherited = plan.events !== 'nats' && subject?.variables.has('NATS_SERVER') === true;
    return {
      cause: `NATS does not answer${plan.nats === undefined ? '' : ` at ${plan.nats}`}${inherited ? ', and NATS_SERVER makes this version of Dynamo connect to it' : ''}`,
      fix: inherited
        ? 'unset NATS_SERVER'
        : '--events zmq   # needs no NATS on one host; or start: nats-server -js',
    };
  },
);
