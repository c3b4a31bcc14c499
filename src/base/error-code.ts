/** What Node, the kernel and TLS report about a failed call: the code, and what it means in words. */

/** `ENOENT`, `EPIPE` and so on; `undefined` for any other error. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface SystemProblem {
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

const alerts: ReadonlyMap<string, string> = new Map([
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'it wants a certificate of ours that it trusts'],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'it wants a certificate of ours that it trusts'],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'it wants a certificate of ours that it trusts'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'it does not know the authority of our certificate'],
  ['ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR', 'it does not know the authority of our certificate'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'it does not speak TLS'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'it does not speak TLS'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'its certificate is of an authority that is not the given one'],
]);

/** `undefined` where the error's own words do. */
export function tlsReason(error: unknown): string | undefined {
  return alerts.get(errorCode(error) ?? '');
}

/**
 * A server that refuses a certificate says so and closes at once: its word may be lost with the connection, and what is
 * seen is the end alone. Somebody is there all the same.
 */
export function overTls(error: unknown): unknown {
  if (!['ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '')) return error;
  return new Error('it ended the TLS connection: it may want a certificate of ours', { cause: error });
}
