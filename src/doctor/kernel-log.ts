/** The kernel log of this host, from the device itself; without a program, and never waited for. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { errorCode } from '../base/error-code.ts';

/** A record is shorter. Source: linux/Documentation/ABI/testing/dev-kmsg, PRINTKRB_RECORD_MAX. */
const recordBytes = 8_192;
/** More than any log holds: a kernel that writes as fast as we read must not keep us. */
const mostRecords = 100_000;

/**
 * Lines as dmesg prints them: `[12345.678901] text`. Throws when it may not be read, or is not there, as in most
 * containers.
 */
export function readKernelLog(device = '/dev/kmsg'): string[] {
  const file = openSync(device, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(recordBytes);
  const lines: string[] = [];
  try {
    while (lines.length < mostRecords) {
      const length = readRecord(file, buffer);
      if (length === undefined) break;
      if (length > 0) lines.push(lineOf(buffer.toString('utf8', 0, length)));
    }
  } finally {
    closeSync(file);
  }
  return lines;
}

/** `undefined` at the end; 0 for one that was overwritten before it could be read. */
function readRecord(file: number, buffer: Buffer): number | undefined {
  try {
    const length = readSync(file, buffer, 0, recordBytes, null);
    return length === 0 ? undefined : length;
  } catch (error) {
    if (errorCode(error) === 'EAGAIN') return undefined;
    if (errorCode(error) === 'EPIPE') return 0;
    throw error;
  }
}

/** `6,1234,5678901,-;text` and, on further lines, what the text is about. */
export function lineOf(record: string): string {
  const [, microseconds = '0', text = ''] = /^\d+,\d+,(\d+),[^;]*;([^\n]*)/.exec(record) ?? [];
  const seconds = (Number(microseconds) / 1_000_000).toFixed(6);
  return `[${seconds.padStart(12)}] ${text}`;
}
