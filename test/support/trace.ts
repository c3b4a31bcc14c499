/** A trace as upstream sends it for one disaggregated chat; see docs/upstream/metrics-and-logs.md. */
import { exportOf } from './otlp.ts';

export const tracedRequest = 'a57ec5f6';

/** Ends now. */
export function chatTrace(): Buffer {
  const begin = Date.now() - 200;
  const span = (spanId: string, parentId: string, name: string, from: number, to: number) => ({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId,
    parentId,
    name,
    from: begin + from,
    to: begin + to,
  });
  const answered = { input_tokens: '18', output_tokens: '24', ttft_ms: '93.62', avg_itl_ms: '4.2' };
  return exportOf([
    {
      ...span('01', '', 'http-request', 0, 190),
      service: 'dynamo-frontend',
      attributes: { request_id: tracedRequest, uri: '/v1/chat/completions', ...answered },
    },
    {
      ...span('02', '01', 'handle_payload', 12, 92),
      service: 'dynamo-worker-prefill',
      attributes: { component: 'prefill', endpoint: 'generate', instance_id: '1' },
    },
    {
      ...span('03', '01', 'handle_payload', 93, 188),
      service: 'dynamo-worker-decode',
      attributes: { component: 'backend', endpoint: 'generate', instance_id: '2' },
    },
  ]);
}
