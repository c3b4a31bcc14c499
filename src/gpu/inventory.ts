/** The NVIDIA GPUs of this host, as nvidia-smi tells them. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { messageOf } from '../base/error-code.ts';
import type { Gpu } from '../plan/request.ts';

export interface Inventory {
  readonly gpus: readonly Gpu[];
  /** Why the list may be wrong or empty although there is a GPU. */
  readonly problem?: string;
}

const fields = ['index', 'uuid', 'name', 'memory.total', 'memory.used'];
/** nvidia-smi hangs when a GPU does. */
const longestMs = 5_000;
/** Where WSL2 keeps it, often outside PATH. */
const wslFolder = '/usr/lib/wsl/lib';

/** Costs nothing on a host without nvidia-smi. Never throws. */
export async function inventory(path: string | undefined, timeoutMs = longestMs): Promise<Inventory> {
  const command = [...(path ?? '').split(delimiter), wslFolder]
    .filter(Boolean)
    .map((folder) => join(folder, 'nvidia-smi'))
    .find(isExecutable);
  if (command === undefined) return { gpus: [] };
  try {
    const query = [`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits'];
    return { gpus: parseGpus(await ask(command, query, timeoutMs)) };
  } catch (error) {
    return { gpus: [], problem: `nvidia-smi is here but ${messageOf(error)}` };
  }
}

/** Lines that are no GPU (warnings, "No devices were found") are left out. */
export function parseGpus(csv: string): Gpu[] {
  return csv.split('\n').flatMap((line) => {
    const [index = '', uuid = '', name = '', total, used] = line.split(',').map((cell) => cell.trim());
    if (!/^\d+$/.test(index) || !/^(GPU|MIG)-/.test(uuid)) return [];
    return [{ index: Number(index), uuid, name, totalMiB: Number(total) || 0, usedMiB: Number(used) || 0 }];
  });
}

/** Gives up also on one that cannot be ended: who waits for a hung driver heeds not even SIGKILL. */
async function ask(command: string, words: readonly string[], timeoutMs: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = execFile(command, words, (error, stdout, stderr) => {
      clearTimeout(limit);
      if (error === null) resolve(stdout);
      else reject(new Error(`failed: ${(stderr || stdout || error.message).trim().split('\n')[0]}`));
    });
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      reject(new Error(`did not answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
