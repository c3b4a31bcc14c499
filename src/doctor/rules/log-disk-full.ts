/** Nothing can be written where the logs of the run lie: seen from outside, as the log cannot say it any more. */
import type { Rule } from '../rule.ts';

const words: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
};

export const logDiskFull: Rule = {
  id: 'log-disk-full',
  kind: 'cause',
  sees: 'a process failed, and nothing can be written into the folder of the run',
  fixes: 'free space, or `XDG_STATE_HOME` on a bigger disk',
  find: ({ failure, subject, host }) => {
    const trouble = words[host.unwritable?.code ?? ''];
    if (trouble === undefined || host.unwritable === undefined) return undefined;
    // Others look only whether their log says more.
    if (subject !== undefined && subject.spec.name !== failure.process) return undefined;
    const { folder, freeBytes, code } = host.unwritable;
    return {
      cause: `${trouble} at ${folder}, so that ${failure.process ?? 'the run'} could not write its log`,
      evidence: [`a write into ${folder}: ${code}, ${Math.floor(freeBytes / 1024)} KiB free`],
      fix: `df -h ${folder}; df -i ${folder}   # then free space, or: export XDG_STATE_HOME=/a/bigger/disk`,
      fromOutside: true,
    };
  },
};
