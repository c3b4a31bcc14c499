/** Reads messages of Protocol Buffers, as far as OTLP needs it. Pure. Source: protobuf.dev, Encoding. */

export interface Field {
  readonly number: number;
  /** Of a varint or a fixed number. */
  readonly integer?: bigint;
  /** Of text, bytes or a message. */
  readonly bytes?: Uint8Array;
}

/** Throws an Error for bytes that are no message. */
export function fieldsOf(bytes: Uint8Array): Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Error('a number has more than ten bytes');
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >> 3;
    const kind = tag & 7;
    if (kind === 0) fields.push({ number, integer: varint() });
    else if (kind === 1) {
      fields.push({ number, integer: view.getBigUint64(at, true) });
      at += 8;
    } else if (kind === 2) {
      const length = Number(varint());
      if (at + length > bytes.length) throw new Error('a field is longer than its message');
      fields.push({ number, bytes: bytes.subarray(at, at + length) });
      at += length;
    } else if (kind === 5) {
      fields.push({ number, integer: BigInt(view.getUint32(at, true)) });
      at += 4;
    } else throw new Error(`field ${number} has the unknown kind ${kind}`);
  }
  return fields;
}

export function bytesIn(fields: readonly Field[], number: number): Uint8Array[] {
  return fields.flatMap((field) =>
    field.number === number && field.bytes !== undefined ? [field.bytes] : [],
  );
}

/** Empty where it is absent. */
export function textIn(fields: readonly Field[], number: number): string {
  const [bytes] = bytesIn(fields, number);
  return bytes === undefined ? '' : new TextDecoder().decode(bytes);
}

export function integerIn(fields: readonly Field[], number: number): bigint | undefined {
  return fields.find((field) => field.number === number)?.integer;
}
