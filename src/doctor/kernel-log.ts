/** The kernel log of this host, read from the device without a program and without waiting, and the GPU faults (Xid) in it. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { errorCode } from '../base/error-code.ts';

/** A record is shorter. Source: linux/Documentation/ABI/testing/dev-kmsg, PRINTKRB_RECORD_MAX. */
const recordBytes = 8_192;
/** More than any log contains: a kernel that logs as fast as we read must not block us. */
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

/** `undefined` at the end; 0 for a record that was overwritten before it could be read. */
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

export interface Xid {
  /** As in `0000:3b:00`: lower case, without the function. */
  readonly bus: string;
  readonly code: number;
  /** The line as it was logged. */
  readonly line: string;
}

/** `reset`: the GPU is unusable until a reset. `soon`: it still works, but needs a reset. `program`: the GPU is fine. */
export type Gravity = 'reset' | 'soon' | 'program';

export interface XidMeaning {
  readonly gravity: Gravity;
  readonly means: string;
}

/** Source: NVIDIA, "Xid Errors", https://docs.nvidia.com/deploy/xid-errors. */
const meanings: ReadonlyMap<number, XidMeaning> = new Map([
  [13, { gravity: 'program', means: 'a program made an invalid access (graphics engine exception)' }],
  [31, { gravity: 'program', means: 'a program accessed memory it does not own (MMU fault)' }],
  [43, { gravity: 'program', means: 'a program failed on the GPU and was ended; the GPU is fine' }],
  [45, { gravity: 'program', means: 'a program was ended while it used the GPU' }],
  [48, { gravity: 'reset', means: 'a memory error that could not be corrected (double bit ECC)' }],
  [62, { gravity: 'reset', means: 'its power management unit halted' }],
  [63, { gravity: 'soon', means: 'a bad row of its memory will be replaced at the next reset' }],
  [64, { gravity: 'reset', means: 'a bad row of its memory could not be replaced' }],
  [74, { gravity: 'reset', means: 'an NVLink failed' }],
  [79, { gravity: 'reset', means: 'it has fallen off the bus' }],
  [94, { gravity: 'soon', means: 'a memory error that affects only one program, which must be restarted' }],
  [95, { gravity: 'reset', means: 'a memory error that may affect any program on it' }],
  [119, { gravity: 'reset', means: 'its system processor (GSP) does not answer' }],
  [120, { gravity: 'reset', means: 'its system processor (GSP) failed' }],
  [140, { gravity: 'reset', means: 'a memory error that it could not recover from' }],
  [143, { gravity: 'reset', means: 'it could not be initialised' }],
]);

/** Unknown codes are treated as harmless: the driver continues. */
const unknown: XidMeaning = { gravity: 'program', means: 'see docs.nvidia.com/deploy/xid-errors' };

export function meaningOf({ code }: Xid): XidMeaning {
  return meanings.get(code) ?? unknown;
}

/** Older drivers omit `PCI:`; with MIG, the instance follows the address. */
const pattern = /NVRM: Xid \((?:PCI:)?([0-9a-f]+:[0-9a-f]{2}:[0-9a-f]{2})(?:\.\d)?(?: GPU-I:\d+)?\): (\d+)/i;

export function parseXids(lines: readonly string[]): Xid[] {
  return lines.flatMap((line): Xid[] => {
    const [, address = '', code = ''] = pattern.exec(line) ?? [];
    return code === '' ? [] : [{ bus: busOf(address), code: Number(code), line: line.trim() }];
  });
}

/** `0000:3b:00` of `0000:3B:00`, and of nvidia-smi's `00000000:3B:00.0`. */
export function busOf(address: string): string {
  const [domain = '', bus = '', device = ''] = address.toLowerCase().split(/[:.]/);
  return `${domain.replace(/^0+/, '').padStart(4, '0')}:${bus}:${device}`;
}
