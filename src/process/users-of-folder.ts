/** Finds processes that run from a folder, so that it is not taken from under them. */
import { readlinkSync } from 'node:fs';
import { sep } from 'node:path';
import { livingProcesses, readCommandWords } from './proc.ts';

export interface FolderUser {
  readonly pid: number;
  readonly command: string;
}

/** By the program as it was called or as it is: the python3 of a virtual environment leads out of it. */
export function usersOfFolder(folder: string): FolderUser[] {
  return livingProcesses().flatMap(({ pid }) => {
    const words = readCommandWords(pid);
    const runs = [words[0] ?? '', programOf(pid)].some((file) => file.startsWith(`${folder}${sep}`));
    return runs ? [{ pid, command: words.join(' ').slice(0, 80) }] : [];
  });
}

function programOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return '';
  }
}
