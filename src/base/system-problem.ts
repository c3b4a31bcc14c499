/** What the system refuses is no bug of ours, wherever it comes up: its codes in words, each with what helps. */
import { errorCode } from './error-code.ts';

export interface SystemProblem {
  readonly words: string;
  /** One command; absent where that depends on which file it was. */
  readonly fix?: string;
  /** The disk, or the place on it, is the trouble. */
  readonly onDisk: boolean;
}

const problems: Readonly<Record<string, SystemProblem>> = {
  ENOSPC: { words: 'The disk is full', onDisk: true },
  EDQUOT: { words: 'The disk quota is used up', onDisk: true },
  EROFS: { words: 'The file system is read-only', onDisk: true },
  EIO: { words: 'The disk does not answer', onDisk: true, fix: 'dmesg | tail' },
  EFBIG: {
    words: 'A file may not become that large',
    onDisk: true,
    fix: 'ulimit -f unlimited   # then again',
  },
  EMFILE: { words: 'Too many files are open', onDisk: false, fix: 'ulimit -n 4096   # then again' },
  ENFILE: {
    words: 'Too many files are open on this host',
    onDisk: false,
    fix: 'cat /proc/sys/fs/file-nr   # open, free, most',
  },
  ENOMEM: { words: 'There is no memory left', onDisk: false, fix: 'free -h; ulimit -v' },
};

/** `undefined` for everything else, also for what a bug of ours can bring about, such as a file that is not there. */
export function systemProblem(error: unknown): SystemProblem | undefined {
  return problems[errorCode(error) ?? ''];
}
