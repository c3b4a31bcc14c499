/** Tells an address where nobody answers from one where somebody does who cannot be used. */
import { errorCode, messageOf, tlsReason } from '../base/error-code.ts';

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
  return tlsReason(error) ?? (messageOf(error) || code || 'no answer');
}
