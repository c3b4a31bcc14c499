/** A file, nearly always a log, has become as large as this shell allows: then writing ends in SIGXFSZ or EFBIG. */
import { seen } from '../log-lines.ts';
import type { Rule } from '../rule.ts';

const tooLarge = /\bEFBIG\b|File too large|File size limit exceeded|\[Errno 27\]/;

export const fileSizeLimit: Rule = {
  id: 'file-size-limit',
  check: 'D24',
  kind: 'cause',
  sees: 'an end by SIGXFSZ, `File too large`, `EFBIG`, or a log as long as `ulimit -f` allows',
  fixes: '`ulimit -f unlimited` in the shell of `up`',
  find: (situation) => {
    const { failure, subject, host } = situation;
    if (subject === undefined || subject.spec.name !== failure.process) return undefined;
    const line = seen(situation, tooLarge);
    const signalled = failure.exit?.signal === 'SIGXFSZ' || failure.exit?.code === 128 + 25;
    const { bytes, reachedBy } = host.fileLimit ?? {};
    const reached = reachedBy?.has(subject.spec.name) === true;
    if (line === undefined && !signalled && !reached) return undefined;
    const most = bytes === undefined ? '' : `, at most ${Math.floor(bytes / 1024)} KiB here`;
    return {
      cause: `a file of ${subject.spec.name} may not become larger (ulimit -f${most})`,
      evidence: [
        ...(line === undefined ? [] : [line.line]),
        ...(reached ? [`${subject.spec.logFile} has ${bytes} bytes`] : []),
        ...(signalled ? [`${subject.spec.name} was ended by SIGXFSZ`] : []),
      ],
      fix: 'ulimit -f unlimited   # then again',
      ...(line === undefined ? { fromOutside: true as const } : {}),
    };
  },
};
