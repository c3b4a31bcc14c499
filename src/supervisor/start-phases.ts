/** The phases of a start, as progress, events, timings and the page name them. */

/** In the order in which a worker usually passes through them. */
export const phases = {
  image: { word: 'image', doing: 'downloading' },
  imports: { word: 'imports', doing: 'importing' },
  configuration: { word: 'configuration', doing: 'reading its configuration' },
  download: { word: 'download', doing: 'downloading' },
  ranks: { word: 'ranks', doing: 'connecting its ranks' },
  weights: { word: 'weights', doing: 'loading weights' },
  'kv-cache': { word: 'KV cache', doing: 'allocating its KV cache' },
  compilation: { word: 'compilation', doing: 'compiling' },
  'graph-capture': { word: 'graph capture', doing: 'capturing graphs' },
  registration: { word: 'registration', doing: 'registering' },
  unknown: { word: 'unknown', doing: 'starting' },
} as const satisfies Record<string, { readonly word: string; readonly doing: string }>;

export type StartPhase = keyof typeof phases;

export function isPhase(word: string): word is StartPhase {
  return word in phases;
}
