import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldsOf } from '../../../src/ui/protobuf.ts';
import { rowOfLine, rowOfSpan, waterfall } from '../../../src/ui/request-records.ts';
import { type Span, spansIn } from '../../../src/ui/spans.ts';
import { exportOf } from '../../support/otlp.ts';

const line =
  '{"timestamp":666,"event":{"schema":"dynamo.request.trace.v1","event_type":"request_end","event_time_unix_ms":1795956642403,"request":{"request_id":"a57ec5f6","input_tokens":15,"output_tokens":16,"cached_tokens":0,"request_received_ms":1795956642221,"prefill_wait_time_ms":12.862095,"prefill_time_ms":23.053074,"ttft_ms":35.915169,"total_time_ms":182.465574,"avg_itl_ms":9.77,"kv_hit_rate":0.0,"queue_depth":0,"worker":{"prefill_worker_id":13780725564626217167,"prefill_dp_rank":0,"decode_worker_id":217449445573845568,"decode_dp_rank":0}}}}';

describe('rowOfLine', () => {
  it('reads a line of 1.6.1, with ids beyond 2^53 as they are', () => {
    expect(rowOfLine(line)).toMatchObject({
      id: 'a57ec5f6',
      at: 1795956642221,
      inputTokens: 15,
      outputTokens: 16,
      ttftMs: 35.915169,
      totalMs: 182.465574,
      prefillWorker: '13780725564626217167',
      decodeWorker: '217449445573845568',
    });
  });

  it('skips what is no finished request', () => {
    for (const other of [
      '',
      'x',
      '{}',
      'null',
      '[]',
      line.slice(0, -9),
      line.replace('request_end', 'tool'),
      line.replace('.v1', '.v2'),
    ])
      expect(rowOfLine(other), other).toBeUndefined();
  });

  it('survives any change of one character', () => {
    fc.assert(
      fc.property(fc.nat(line.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, letter) => {
        const row = rowOfLine(line.slice(0, at) + letter + line.slice(at + 1));
        return row === undefined || typeof row.at === 'number';
      }),
    );
  });
});

const root: Span = {
  traceId: '0102',
  spanId: '01',
  parentId: '',
  name: 'http-request',
  service: 'dynamo-frontend',
  from: 1_795_956_642_221.5,
  to: 1_795_956_642_403.25,
  attributes: {
    request_id: 'a57ec5f6',
    uri: '/v1/chat/completions',
    ttft_ms: '93.62',
    input_tokens: '15',
    'code.file.path': 'x.rs',
  },
};
const child: Span = {
  ...root,
  spanId: '02',
  parentId: '01',
  name: 'handle_payload',
  service: 'dynamo-worker-prefill-1',
  attributes: { instance_id: '13780725564626217167' },
};

describe('spansIn', () => {
  it('reads what an exporter sends', () => {
    expect(spansIn(exportOf([root, child]))).toEqual([root, child]);
  });

  it('reads a root span as a request', () => {
    expect(rowOfSpan(root)).toMatchObject({
      id: 'a57ec5f6',
      at: root.from,
      ttftMs: 93.62,
      inputTokens: 15,
      path: '/v1/chat/completions',
    });
    expect(rowOfSpan(child)).toBeUndefined();
  });

  it('throws for bytes that are no message, and never hangs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          spansIn(bytes);
          return fieldsOf(bytes).length <= bytes.length;
        } catch (error) {
          return error instanceof Error;
        }
      }),
    );
  });
});

it('waterfall puts children below their parents, and leaves out what is about the source', () => {
  const shown = waterfall([child, root, { ...root, spanId: '03', parentId: 'ff', name: 'orphan' }]);
  expect(shown.map(({ name, depth }) => [name, depth])).toEqual([
    ['http-request', 0],
    ['handle_payload', 1],
    ['orphan', 0],
  ]);
  expect(shown[0]?.attributes).not.toHaveProperty('code.file.path');
  // In a circle.
  expect(
    waterfall([
      { ...root, spanId: '01', parentId: '02' },
      { ...child, spanId: '02', parentId: '01' },
    ]),
  ).toEqual([]);
});
