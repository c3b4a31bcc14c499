/** In what generations of upstream differ, as far as a plan depends on it. */

export interface Dialect {
  /** As users know it: the first two numbers of its version, or a range of them. */
  readonly generation: string;
  /** Component under which an encode worker registers. */
  readonly encodeComponent: 'encoder' | 'encode';
  /** How a worker is told its part in a multimodal deployment. */
  readonly multimodal: 'worker-kinds' | 'modes';
  /** Whether a multimodal worker can take images that the frontend has decoded. */
  readonly frontendDecoding: boolean;
  /** Module of the unified entry point of the worker, where there is one. */
  readonly unifiedModule: string | undefined;
  /** Turns the CUDA graphs of prefill off, which upstream's own scripts do. */
  readonly withoutPrefillGraphs: readonly string[];
  /** Share of GPU memory that upstream's scripts give to a worker whose KV cache is capped in tokens. */
  readonly fractionWithTokenCap: number | undefined;
  /** How embeddings travel from an encode worker beside KV transfer over NIXL; absent: upstream's default is right. */
  readonly embeddingTransfer: 'nixl-read' | undefined;
  /** Whether the mocker takes `--max-model-len`. */
  readonly mockerContextLength: boolean;
}
