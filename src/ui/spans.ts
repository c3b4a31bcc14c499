/** The spans in an export of OTLP traces. Pure. Source: opentelemetry-proto, trace/v1/trace.proto and common/v1/common.proto. */
import { map, number, object, text } from '../base/shape.ts';
import { bytesIn, type Field, fieldsOf, integerIn, textIn } from './protobuf.ts';

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  readonly service: string;
  /** In milliseconds since the epoch, with a fraction. */
  readonly from: number;
  readonly to: number;
  readonly attributes: Readonly<Record<string, string>>;
}

const spanShape = object({
  traceId: text,
  spanId: text,
  parentId: text,
  name: text,
  service: text,
  from: number,
  to: number,
  attributes: map(text),
});

/** A line of a file of spans; none for any other line. */
export function spanOfLine(line: string): Span[] {
  try {
    const value: unknown = JSON.parse(line);
    return spanShape(value, '') === undefined ? [value as Span] : [];
  } catch {
    return [];
  }
}

/** `message`: an ExportTraceServiceRequest. Throws an Error for anything else. */
export function spansIn(message: Uint8Array): Span[] {
  return bytesIn(fieldsOf(message), 1).flatMap((bytes) => {
    const ofResource = fieldsOf(bytes);
    const [resource] = bytesIn(ofResource, 1);
    const service = resource === undefined ? '' : (attributesIn(fieldsOf(resource), 1)['service.name'] ?? '');
    return bytesIn(ofResource, 2).flatMap((scope) =>
      bytesIn(fieldsOf(scope), 2).map((span) => spanOf(fieldsOf(span), service)),
    );
  });
}

function spanOf(fields: readonly Field[], service: string): Span {
  return {
    traceId: hexIn(fields, 1),
    spanId: hexIn(fields, 2),
    parentId: hexIn(fields, 4),
    name: textIn(fields, 5),
    service,
    from: milliseconds(integerIn(fields, 7)),
    to: milliseconds(integerIn(fields, 8)),
    attributes: attributesIn(fields, 9),
  };
}

function hexIn(fields: readonly Field[], field: number): string {
  return Buffer.from(bytesIn(fields, field)[0] ?? []).toString('hex');
}

function milliseconds(nanoseconds = 0n): number {
  return Number(nanoseconds / 1000n) / 1000;
}

function attributesIn(fields: readonly Field[], field: number): Record<string, string> {
  return Object.fromEntries(
    bytesIn(fields, field).map((bytes) => {
      const pair = fieldsOf(bytes);
      const [value] = bytesIn(pair, 2);
      return [textIn(pair, 1), value === undefined ? '' : valueText(fieldsOf(value))];
    }),
  );
}

/** Of AnyValue: text, true or false, a whole number, or one with a fraction. */
function valueText(fields: readonly Field[]): string {
  const [field] = fields;
  if (field === undefined) return '';
  if (field.number === 1) return textIn(fields, 1);
  const { integer = 0n } = field;
  if (field.number === 2) return String(integer !== 0n);
  if (field.number === 4) {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, integer);
    return String(view.getFloat64(0));
  }
  return field.number === 3 ? String(BigInt.asIntN(64, integer)) : '';
}
