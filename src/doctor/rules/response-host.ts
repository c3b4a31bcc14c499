/** Dynamo up to 1.4 wants the name of a network interface where 1.6 takes an address. */
import { lineRule } from '../log-lines.ts';

/** Source: docs/upstream/environment-variables.md#loopback. */
export const responseHost = lineRule(
  {
    id: 'response-host',
    check: 'D12',
    sees: '`Interface not found: 127.0.0.1`; the model is never listed',
    fixes: '`--env DYN_TCP_RESPONSE_STREAM_HOST=lo`',
  },
  /Interface not found: (\S+?)["\s]*$/,
  ({ groups }) => ({
    cause: `this version of Dynamo wants the name of a network interface in DYN_TCP_RESPONSE_STREAM_HOST, not ${groups[0]}`,
    fix: '--env DYN_TCP_RESPONSE_STREAM_HOST=lo',
  }),
);
