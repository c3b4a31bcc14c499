/** Ports that are in use or out of range, network interfaces, and NCCL between the GPUs of a worker. */
import type { ProcessSpec } from '../../plan/plan.ts';
import { lineRule, seen } from '../log-lines.ts';
import type { Rule } from '../rule.ts';

/**
 * All versions of Dynamo read the port of a worker's status server as a signed 16-bit number.
 * Source: docs/upstream/status-and-health.md#port-numbers.
 */
export const systemPortRange = lineRule(
  {
    id: 'system-port-range',
    check: 'D07',
    sees: '`expected i16 for key "SYSTEM_PORT"`',
    fixes: 'set `DYN_SYSTEM_PORT` to at most 32767, or unset it: the launcher plans one',
  },
  /invalid value .*`(\d+)`.*expected i16 for key "SYSTEM_PORT"|expected i16 for key "SYSTEM_PORT"/,
  ({ groups }) => ({
    cause: `DYN_SYSTEM_PORT${groups[0] ? ` is ${groups[0]}, and` : ''} must be at most 32767`,
    fix: 'unset DYN_SYSTEM_PORT   # each worker gets a planned one',
  }),
);

/**
 * Each pattern has the port in a group. Seen with 1.1.1 and 1.6.1.
 * Source: docs/upstream/frontend.md#failures-at-the-start, docs/upstream/status-and-health.md#port-numbers.
 */
const bindErrors = [
  /port (\d+) already in use/,
  /Failed to bind to address \S*:(\d+): .*[Aa]ddress already in use/,
  /error while attempting to bind on address \('[^']*', (\d+).*address already in use/,
  /port: (\d+).*EADDRINUSE/,
  /EADDRINUSE.*:(\d+)/,
];

/** Another process uses a port that this one needs. */
export const portTaken: Rule = {
  id: 'port-taken',
  check: 'D06',
  kind: 'cause',
  sees: '`port 8000 already in use`, `Failed to bind to address`, `EADDRINUSE`',
  fixes: 'stop the named process, or start again: other ports will be used',
  find: (situation) => {
    const found = bindErrors.map((pattern) => seen(situation, pattern)).find((each) => each !== undefined);
    const { subject, host } = situation;
    if (found === undefined || subject === undefined) return undefined;
    const port = Number(found.groups[0]);
    const known = host.portHolders?.has(port) === true;
    const holder = host.portHolders?.get(port);
    const { spec } = subject;
    const name = portName(spec, port);
    return {
      cause: `${name === undefined ? '' : `the ${name} `}port ${port} is in use${holder === undefined ? '' : ` by ${holder}`}${known && holder === undefined ? ', though no process listens there any more' : ''}`,
      evidence: [found.line],
      fix: portFix(name, spec),
      asks: known ? undefined : [{ about: 'port-holder', port }],
    };
  },
};

function portFix(name: string | undefined, { loadsInTurn }: ProcessSpec): string {
  if (name === 'http') return 'omit --http-port to get a free one, or stop that process';
  // Those of the run load one after the other; this is one of another run.
  if (name === undefined && loadsInTurn !== undefined)
    return 'start again: SGLang chose this port while it was free, and will choose another';
  return 'stop that process, or start again: other ports will be planned';
}

function portName({ ports }: ProcessSpec, port: number): string | undefined {
  return Object.entries(ports).find(([, planned]) => planned === port)?.[0];
}

/**
 * Dynamo up to 1.4 requires the name of a network interface where 1.6 accepts an address.
 * Source: docs/upstream/environment-variables.md#loopback.
 */
export const responseHost = lineRule(
  {
    id: 'response-host',
    check: 'D12',
    sees: '`Interface not found: 127.0.0.1`; the model is never listed',
    fixes: '`--env DYN_TCP_RESPONSE_STREAM_HOST=lo`',
  },
  /Interface not found: (\S+?)["\s]*$/,
  ({ groups }) => ({
    cause: `this version of Dynamo requires the name of a network interface in DYN_TCP_RESPONSE_STREAM_HOST, not ${groups[0]}`,
    fix: '--env DYN_TCP_RESPONSE_STREAM_HOST=lo',
  }),
);

/** The GPUs of one worker timed out waiting for each other. */
export const ncclTimeout = lineRule(
  {
    id: 'nccl-timeout',
    check: 'D16',
    sees: '`Watchdog caught collective operation timeout`',
    fixes:
      '`--env NCCL_DEBUG=INFO` shows the rank that hangs; `--env NCCL_P2P_DISABLE=1` where GPUs cannot reach each other',
  },
  /Watchdog caught collective operation timeout.*OpType=(\w+)/,
  ({ groups }, { subject }) => ({
    cause: `the GPUs of ${subject?.spec.name ?? 'a worker'} timed out waiting for each other (NCCL, ${groups[0]}): one of them hangs, or they cannot reach each other`,
    fix: '--env NCCL_P2P_DISABLE=1   # with --env NCCL_DEBUG=INFO, the log names the rank that hangs',
  }),
);

/** NCCL failed to connect the GPUs of one worker. */
export const ncclError = lineRule(
  {
    id: 'nccl-error',
    check: 'D13',
    sees: '`NCCL error: unhandled system error` (or cuda error), `ncclInvalidUsage`',
    fixes: '`--env NCCL_DEBUG=WARN`, which makes NCCL log the reason',
  },
  /NCCL error: (unhandled \w+ error|invalid usage|internal error)|(nccl(?:System|UnhandledCuda|Internal|InvalidUsage|Remote)\w*):/,
  ({ groups }, { subject }) => ({
    cause: `NCCL could not connect the GPUs of ${subject?.spec.name ?? 'a worker'} (${groups[0] || groups[1]})`,
    fix: '--env NCCL_DEBUG=WARN   # makes NCCL log the reason',
  }),
);
