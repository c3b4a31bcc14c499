/** Names of KV blocks: each hash covers its block and everything before it, so equal names mean equal prefixes. */
import { createHash } from 'node:crypto';

/** One name for each full block of `pageSize` tokens. */
export function blockHashes(tokens: readonly number[], pageSize: number): string[] {
  const names: string[] = [];
  const hash = createHash('sha256');
  for (let end = pageSize; end <= tokens.length; end += pageSize) {
    hash.update(Uint32Array.from(tokens.slice(end - pageSize, end)));
    names.push(hash.copy().digest('hex').slice(0, 16));
  }
  return names;
}

/** What prefill hands to decode in place of the KV cache itself: both must have read the same tokens. */
export function digest(tokens: readonly number[]): string {
  return createHash('sha256').update(Uint32Array.from(tokens)).digest('hex');
}
