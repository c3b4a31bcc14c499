/** Reads a trace in Mooncake's format: one JSON object a line, with arrival, lengths and the hashes of its blocks. */
import { DynamoError } from '../base/error.ts';
import type { TraceEntry } from './workload.ts';

/** Throws `usage` with the line that is wrong. */
export function parseTrace(text: string, file: string): TraceEntry[] {
  const entries = text
    .split('\n')
    .flatMap((line, i) => (line.trim() === '' ? [] : [entryOf(line, file, i + 1)]));
  if (entries.length === 0) throw wrong(file, 1, 'it has no requests');
  const sorted = entries.toSorted((a, b) => a.atMs - b.atMs);
  const start = sorted[0]?.atMs ?? 0;
  return sorted.map((entry) => ({ ...entry, atMs: entry.atMs - start }));
}

function entryOf(line: string, file: string, number: number): TraceEntry {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw wrong(file, number, 'it is not JSON');
  }
  const {
    timestamp,
    input_length: isl,
    output_length: osl,
    hash_ids: blocks = [],
  } = (value ?? {}) as Record<string, unknown>;
  const count = (key: string, seen: unknown): number => {
    if (typeof seen === 'number' && Number.isInteger(seen) && seen >= 1) return seen;
    throw wrong(file, number, `${key} is ${JSON.stringify(seen) ?? 'missing'}, not a number of tokens`);
  };
  if (typeof timestamp !== 'number' || timestamp < 0)
    throw wrong(file, number, `timestamp is ${JSON.stringify(timestamp) ?? 'missing'}, not milliseconds`);
  if (!Array.isArray(blocks) || blocks.some((each) => typeof each !== 'number'))
    throw wrong(file, number, 'hash_ids is not a list of numbers');
  return {
    atMs: timestamp,
    isl: count('input_length', isl),
    osl: count('output_length', osl),
    blocks: blocks as number[],
  };
}

function wrong(file: string, line: number, why: string): DynamoError<'usage'> {
  return new DynamoError('usage', `${file}:${line}: ${why}.`, {
    hint: 'a line is {"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}',
    fields: { option: '--trace', file },
  });
}
