/** Disks, shared memory and file sizes that ran out. */
import { memoryText } from '../../base/units.ts';
import { lineRule, seen } from '../log-lines.ts';
import type { Finding, Rule, Situation } from '../rule.ts';

const shmIsFull =
  /\/dev\/shm\/\S*.*No space left on device|Error while creating shared memory segment|No space left on device.*\/dev\/shm|insufficient shared memory \(shm\)|unable to allocate shared memory\(shm\)|unable to write to file <\/torch_/;

/** /dev/shm is too small, as it is in containers: 64 MB by default. */
export const shmTooSmall: Rule = {
  id: 'shm-too-small',
  check: 'D23',
  kind: 'cause',
  sees: '`Error while creating shared memory segment /dev/shm/nccl-…`, `unable to allocate shared memory(shm)`; or a process killed by SIGBUS while /dev/shm is full',
  fixes: '`docker run --shm-size=10G`, or clean up /dev/shm',
  find: (situation) => {
    const found = seen(situation, shmIsFull);
    return found === undefined ? shmFromSignal(situation) : shmFinding([found.line]);
  },
};

/** Writing to a mapped file without free space causes SIGBUS; without the free size it would be a guess. */
function shmFromSignal({ failure, subject, host }: Situation): Finding | undefined {
  const mine = subject !== undefined && subject.spec.name === failure.process;
  if (!mine || failure.exit?.signal !== 'SIGBUS') return undefined;
  const { shm } = host;
  if (shm === undefined || shm.freeBytes > shm.totalBytes * 0.02) return undefined;
  const evidence = `ended by SIGBUS; /dev/shm: ${memoryText(shm.freeBytes)} free of ${memoryText(shm.totalBytes)}`;
  return { ...shmFinding([evidence]), fromOutside: true };
}

function shmFinding(evidence: readonly string[]): Finding {
  return {
    cause:
      '/dev/shm is full: processes of one worker share memory there, and containers give it 64 MB by default',
    evidence,
    fix: 'docker run --shm-size=10G …   # outside a container: mount -o remount,size=16G /dev/shm',
  };
}

const diskIsFull =
  /No space left on device|Not enough free disk space|Disk quota exceeded|\[Errno (?:28|122)\]/;

/** A disk is full, or the user's quota of it. */
export const diskFull = lineRule(
  {
    id: 'disk-full',
    check: 'D21',
    sees: '`No space left on device` (not /dev/shm), `Not enough free disk space`, `Disk quota exceeded`',
    fixes: 'free space, or `HF_HOME` on a bigger disk',
  },
  diskIsFull,
  ({ line }) => {
    const path = /'(\/[^']+)'|target location (\/\S+)/.exec(line);
    const where = path?.[1] ?? path?.[2];
    return {
      cause: `the disk is full${where === undefined ? '' : ` at ${where}`}`,
      fix: `df -h ${where === undefined ? '"${HF_HOME:-$HOME/.cache/huggingface}" /tmp' : `"${where}"`}   # then free space, or: export HF_HOME=/a/bigger/disk`,
    };
  },
);

const tooLarge = /\bEFBIG\b|File too large|File size limit exceeded|\[Errno 27\]/;

/** A file, nearly always a log, has reached the size limit of the shell: further writes end in SIGXFSZ or EFBIG. */
export const fileSizeLimit: Rule = {
  id: 'file-size-limit',
  check: 'D24',
  kind: 'cause',
  sees: 'a process killed by SIGXFSZ, `File too large`, `EFBIG`, or a log as long as `ulimit -f` allows',
  fixes: '`ulimit -f unlimited` in the shell of `up`',
  find: (situation) => {
    const { failure, subject, host } = situation;
    if (subject === undefined || subject.spec.name !== failure.process) return undefined;
    const line = seen(situation, tooLarge);
    const signalled = failure.exit?.signal === 'SIGXFSZ' || failure.exit?.code === 128 + 25;
    const { bytes, reachedBy } = host.fileLimit ?? {};
    const reached = reachedBy?.has(subject.spec.name) === true;
    if (line === undefined && !signalled && !reached) return undefined;
    const most = bytes === undefined ? '' : `, ${Math.floor(bytes / 1024)} KiB here`;
    return {
      cause: `a file of ${subject.spec.name} has reached the file size limit (ulimit -f${most})`,
      evidence: [
        ...(line === undefined ? [] : [line.line]),
        ...(reached ? [`${subject.spec.logFile} has ${bytes} bytes`] : []),
        ...(signalled ? [`${subject.spec.name} was ended by SIGXFSZ`] : []),
      ],
      fix: 'ulimit -f unlimited   # then retry',
      ...(line === undefined ? { fromOutside: true as const } : {}),
    };
  },
};

const writeErrors: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
};

/** The log folder is not writable. This is checked from outside, since the log cannot contain it. */
export const logDiskFull: Rule = {
  id: 'log-disk-full',
  kind: 'cause',
  sees: 'a process failed, and the folder of the run is not writable',
  fixes: 'free space, or `XDG_STATE_HOME` on a bigger disk',
  find: ({ failure, subject, host }) => {
    const trouble = writeErrors[host.unwritable?.code ?? ''];
    if (trouble === undefined || host.unwritable === undefined) return undefined;
    // Other processes are only subjects if their log says more.
    if (subject !== undefined && subject.spec.name !== failure.process) return undefined;
    const { folder, freeBytes, code } = host.unwritable;
    return {
      cause: `${trouble} at ${folder}, so ${failure.process ?? 'the run'} could not write its log`,
      evidence: [`a write into ${folder}: ${code}, ${Math.floor(freeBytes / 1024)} KiB free`],
      fix: `df -h ${folder}; df -i ${folder}   # then free space, or: export XDG_STATE_HOME=/a/bigger/disk`,
      fromOutside: true,
    };
  },
};
