/** A disk is full, or the user's quota of it. */
import { lineRule } from '../log-lines.ts';

const full = /No space left on device|Not enough free disk space|Disk quota exceeded|\[Errno (?:28|122)\]/;

export const diskFull = lineRule(
  {
    id: 'disk-full',
    check: 'D21',
    sees: '`No space left on device` (not /dev/shm), `Not enough free disk space`, `Disk quota exceeded`',
    fixes: 'free space, or `HF_HOME` on a bigger disk',
  },
  full,
  ({ line }) => {
    const path = /'(\/[^']+)'|target location (\/\S+)/.exec(line);
    const where = path?.[1] ?? path?.[2];
    return {
      cause: `the disk is full${where === undefined ? '' : ` at ${where}`}`,
      fix: `df -h ${where === undefined ? '"${HF_HOME:-$HOME/.cache/huggingface}" /tmp' : `"${where}"`}   # then free space, or: export HF_HOME=/a/bigger/disk`,
    };
  },
);
