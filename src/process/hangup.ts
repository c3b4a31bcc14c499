/**
 * Whether our caller wants SIGHUP ignored. Every command asks, so this loads nothing else: `dynamo --help` needs no
 * child_process.
 */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { readText } from './proc.ts';

let known: boolean | undefined;

/**
 * Whether our caller wants SIGHUP ignored, as nohup does. Node resets every signal to its default before our code runs
 * (src/node.cc, ResetSignalHandlers), so we look for traces: shells name nohup in `_`, nohup writes to nohup.out, and a
 * parent may ignore SIGHUP itself, as a script with `trap '' HUP` does.
 */
export function hangupIsIgnored(environment: Environment): boolean {
  // A parent that has ended in the meantime could not be asked again.
  known ??= isNohup(environment) || writesToNohupOut() || parentIgnoresHangup();
  return known;
}

function isNohup({ _: program }: Environment): boolean {
  return basename(program ?? '') === 'nohup';
}

function writesToNohupOut(): boolean {
  return [1, 2].some((descriptor) => {
    try {
      return basename(readlinkSync(`/proc/self/fd/${descriptor}`)) === 'nohup.out';
    } catch {
      return false;
    }
  });
}

/** The first bit of the mask is signal 1. Source: proc(5), SigIgn. */
function parentIgnoresHangup(): boolean {
  const mask = /^SigIgn:\s+([0-9a-f]+)$/m.exec(readText(`/proc/${process.ppid}/status`) ?? '')?.[1];
  return mask !== undefined && Number.parseInt(mask.slice(-1), 16) % 2 === 1;
}
