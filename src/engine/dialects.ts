/** In what the versions of upstream differ, as far as a plan depends on it: one table, and the row of an installed version. */
import { DynamoError } from '../base/error.ts';
import { compareVersions, isVersion } from '../base/package-version.ts';

export interface Dialect {
  /** As users know it: the first two numbers of its version. */
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

/** Dynamo 1.1, with SGLang 0.5.10. Source of all rows: docs/upstream/versions.md#flags-that-differ, docs/upstream/launch-scripts.md. */
const v1_1: Dialect = {
  generation: '1.1',
  encodeComponent: 'encoder',
  multimodal: 'worker-kinds',
  frontendDecoding: false,
  unifiedModule: 'dynamo.sglang.unified_main',
  withoutPrefillGraphs: ['--disable-piecewise-cuda-graph'],
  fractionWithTokenCap: undefined,
  embeddingTransfer: undefined,
  mockerContextLength: false,
};

/** With SGLang 0.5.11. */
const v1_2: Dialect = { ...v1_1, generation: '1.2', frontendDecoding: true };

/**
 * With SGLang 0.5.14. Workers refuse images unless they are told to take them; the old kinds of multimodal worker still
 * work.
 */
const v1_3: Dialect = {
  ...v1_2,
  generation: '1.3',
  encodeComponent: 'encode',
  multimodal: 'modes',
  fractionWithTokenCap: 0.9,
  embeddingTransfer: 'nixl-read',
};

/** With SGLang 0.5.16. */
const v1_4: Dialect = {
  ...v1_3,
  generation: '1.4',
  unifiedModule: undefined,
  // The flag of before is an alias of this one that says so in a warning, and gone in 1.6.
  withoutPrefillGraphs: ['--cuda-graph-backend-prefill', 'disabled'],
  mockerContextLength: true,
};

/** With SGLang 0.5.18 and 0.5.21, without a difference. */
const v1_5: Dialect = { ...v1_4, generation: '1.5' };
const v1_6: Dialect = { ...v1_5, generation: '1.6' };

/** Newest first. */
const dialects = [v1_6, v1_5, v1_4, v1_3, v1_2, v1_1];
/** The first that no dialect knows; its pre-releases are unknown too. */
const firstUnknown = '1.7.dev0';

export interface DialectChoice {
  readonly dialect: Dialect;
  /** Set when the version is newer than every known one: why this dialect, for the choices of a plan. */
  readonly warning?: string;
}

/**
 * `version` as package metadata say it, with `.postN` or not. Throws `environment` for what is older than 1.1: there
 * the mocker needs NATS whatever it is told, and an upstream script says 0 when a worker crashed.
 * Source: docs/upstream/versions.md#dynamo-10.
 */
export function chooseDialect(version: string): DialectChoice {
  const spoken = dialects.find(({ generation }) => compareVersions(version, `${generation}.dev0`) >= 0);
  if (!isVersion(version) || spoken === undefined) {
    throw new DynamoError('environment', `Dynamo ${version} is too old: 1.1 is the oldest that works here.`, {
      hint: 'dynamo setup   # installs a version that works, beside yours',
    });
  }
  if (compareVersions(version, firstUnknown) < 0) return { dialect: spoken };
  return {
    dialect: spoken,
    warning: `Dynamo ${version} is newer than any known here: it is started as ${spoken.generation} is`,
  };
}
