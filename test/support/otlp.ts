/** Encodes spans as an exporter of OpenTelemetry does: the opposite of what src/ui reads, and written apart from it. */

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  readonly service: string;
  /** In milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly attributes: Readonly<Record<string, string>>;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function sized(field: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
}

function time(field: number, ms: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(Math.round(ms * 1000)) * 1000n);
  return Buffer.concat([varint(field * 8 + 1), bytes]);
}

function attribute(key: string, value: string): Buffer {
  return Buffer.concat([sized(1, key), sized(2, sized(1, value))]);
}

function spanBytes({ traceId, spanId, parentId, name, from, to, attributes }: SentSpan): Buffer {
  return Buffer.concat([
    sized(1, Buffer.from(traceId, 'hex')),
    sized(2, Buffer.from(spanId, 'hex')),
    ...(parentId === '' ? [] : [sized(4, Buffer.from(parentId, 'hex'))]),
    sized(5, name),
    time(7, from),
    time(8, to),
    ...Object.entries(attributes).map(([key, value]) => sized(9, attribute(key, value))),
  ]);
}

/** An ExportTraceServiceRequest: one resource for each span. */
export function exportOf(spans: readonly SentSpan[]): Buffer {
  return Buffer.concat(
    spans.map((span) => {
      const resource = sized(1, attribute('service.name', span.service));
      return sized(1, Buffer.concat([sized(1, resource), sized(2, sized(2, spanBytes(span)))]));
    }),
  );
}
