/** Tells an address where nobody answers from one where somebody does who cannot be used. */
import { errorCode, messageOf } from '../base/error-code.ts';

const silences = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
];

/** A certificate that is not trusted, or a server of another kind, is no silence. */
export function isSilence(error: unknown): boolean {
  return silences.includes(errorCode(error) ?? '') || messageOf(error).startsWith('no answer');
}

/** In words, for people. */
export function reasonOf(error: unknown): string {
  const code = errorCode(error) ?? '';
  if (code === 'ECONNREFUSED') return 'connection refused';
  return alerts.get(code) ?? (messageOf(error) || code || 'no answer');
}

const alerts: ReadonlyMap<string, string> = new Map([
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'it wants a certificate of ours'],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'it does not take our certificate'],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'it does not take our certificate'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'it does not know the authority of our certificate'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'it does not speak TLS'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'it does not speak TLS'],
]);

/**
 * A server that refuses a certificate says so and closes at once: its word may be lost with the connection, and what is
 * seen is the end alone. Somebody is there all the same.
 */
export function overTls(error: unknown): unknown {
  if (!['ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '')) return error;
  return new Error('it ended the TLS connection: it may want a certificate of ours', { cause: error });
}
