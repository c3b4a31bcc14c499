/**
 * A deterministic tokenizer without a vocabulary: up to six letters or digits with the space before them,
 * up to 16 white space characters, or one other character is a token; its id is a hash of its text.
 */
const piece = / ?[\p{L}\p{N}_]{1,6}|\s{1,16}|[^\p{L}\p{N}_\s]/gu;

/** No token is longer, in UTF-16 units: the ground for refusing a huge prompt before it is cut up. */
export const longestToken = 16;

export function pieces(text: string): string[] {
  return text.match(piece) ?? [];
}

export function tokenize(text: string): number[] {
  return pieces(text).map(hashText);
}

/** FNV-1a, 32 bits. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
