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
  /** The cause is the disk, or a limit on it. */
  readonly onDisk: boolean;
}

const problems: Readonly<Record<string, SystemProblem>> = {
  ENOSPC: { words: 'The disk is full', onDisk: true },
  EDQUOT: { words: 'The disk quota is used up', onDisk: true },
  EROFS: { words: 'The file system is read-only', onDisk: true },
  EIO: { words: 'The disk does not respond', onDisk: true, fix: 'dmesg | tail' },
  EFBIG: {
    words: 'A file would exceed the maximum size',
    onDisk: true,
    fix: 'ulimit -f unlimited   # then retry',
  },
  EMFILE: {
    words: 'Too many files are open (ulimit -n), and a run needs 64',
    onDisk: false,
    fix: 'ulimit -n 4096   # then retry',
  },
  ENFILE: {
    words: 'Too many files are open on this host',
    onDisk: false,
    fix: 'cat /proc/sys/fs/file-nr   # open, free, most',
  },
  ENOMEM: { words: 'Out of memory', onDisk: false, fix: 'free -h; ulimit -v' },
};

/**
 * What the code of a system error means; such an error is never a bug in dynamo. `undefined` for everything else, including
 * errors that a bug can cause, such as a missing file.
 */
export function systemProblem(error: unknown): SystemProblem | undefined {
  return problems[errorCode(error) ?? ''];
}

const alerts: ReadonlyMap<string, string> = new Map([
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'it requires a client certificate that it trusts'],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'it requires a client certificate that it trusts'],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'it requires a client certificate that it trusts'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'it does not trust the CA of our client certificate'],
  ['ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR', 'it does not trust the CA of our client certificate'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'it does not speak TLS'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'it does not speak TLS'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'its certificate was not issued by the given CA'],
]);

/** Why a TLS connection failed; `undefined` if Node's own message says it well enough. */
export function tlsReason(error: unknown): string | undefined {
  return alerts.get(errorCode(error) ?? '');
}

/**
 * A server that rejects a certificate sends an alert and closes the connection; the alert may be lost, so that only the
 * close is seen. There is a server in either case.
 */
export function overTls(error: unknown): unknown {
  if (!['ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '')) return error;
  return new Error('it closed the TLS connection; it may require a client certificate', { cause: error });
}
