/** Xid errors in kernel logs of real hosts, in the formats of several drivers. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { busOf, lineOf, meaningOf, parseXids } from '../../../src/doctor/kernel-log.ts';

const log = readFileSync(new URL('../../fixtures/gpu/xid/kernel.log', import.meta.url), 'utf8').split('\n');

test('every form is parsed, with bus address and severity', () => {
  expect(parseXids(log).map((xid) => [xid.bus, xid.code, meaningOf(xid).gravity])).toEqual([
    ['0000:01:00', 13, 'program'],
    ['0000:00:06', 31, 'program'],
    ['0000:01:00', 43, 'program'],
    ['0000:07:00', 48, 'reset'],
    ['0000:10:1c', 63, 'soon'],
    ['0003:00:00', 74, 'reset'],
    ['0000:01:00', 79, 'reset'],
    ['0000:01:00', 94, 'soon'],
    ['0000:37:00', 95, 'reset'],
    ['0000:61:00', 119, 'reset'],
    ['0000:01:00', 31, 'program'],
  ]);
});

test('an unknown code is not a failure', () => {
  const [xid] = parseXids(['NVRM: Xid (PCI:0000:01:00): 999, pid=1']);
  expect(xid === undefined ? undefined : meaningOf(xid)).toEqual({
    gravity: 'program',
    means: expect.stringContaining('docs.nvidia.com'),
  });
});

test.each(['', 'NVRM: loading NVIDIA UNIX Open Kernel Module', 'NVRM: Xid', 'Xid (PCI:0000:01:00): 79'])(
  '%j is not one',
  (line) => expect(parseXids([line])).toEqual([]),
);

test('nvidia-smi and the kernel write bus addresses differently', () => {
  expect([busOf('00000000:3B:00.0'), busOf('0000:3b:00'), busOf('00000003:00:00.0')]).toEqual([
    '0000:3b:00',
    '0000:3b:00',
    '0003:00:00',
  ]);
});

test('a record of /dev/kmsg is the line that dmesg prints', () => {
  const record = '4,1234,100200300,-;NVRM: Xid (PCI:0000:01:00): 79, pid=1\n SUBSYSTEM=pci\n';
  expect(lineOf(record)).toBe('[  100.200300] NVRM: Xid (PCI:0000:01:00): 79, pid=1');
});
