/** Says in words why a connection over TLS failed, where Node's own words say little. */
import { errorCode } from './error-code.ts';

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
