/** Differences between upstream's versions that plans depend on: one table, with a row per version. */
import { DynamoError } from '../base/error.ts';
import { compareVersions, isVersion } from '../base/package-version.ts';

export interface VersionFlags {
  /** The first two numbers of the version. */
  readonly generation: string;
  /** Component under which an encode worker registers. */
  readonly encodeComponent: 'encoder' | 'encode';
  /** How a worker gets its role in a multimodal deployment. */
  readonly multimodal: 'worker-kinds' | 'modes';
  /** Whether a multimodal worker accepts images that the frontend has decoded. */
  readonly frontendDecoding: boolean;
  /** Module of the worker's unified entry point, if there is one. */
  readonly unifiedModule: string | undefined;
  /** Disables CUDA graphs for prefill, as upstream's own scripts do. */
  readonly withoutPrefillGraphs: readonly string[];
  /** Share of GPU memory in upstream's scripts for a worker whose KV cache is limited in tokens. */
  readonly fractionWithTokenCap: number | undefined;
  /** How an encode worker sends embeddings when NIXL transfers the KV cache; absent: upstream's default works. */
  readonly embeddingTransfer: 'nixl-read' | undefined;
  /** Whether the mocker accepts `--max-model-len`. */
  readonly mockerContextLength: boolean;
}

/** Dynamo 1.1, with SGLang 0.5.10. Source of all rows: docs/upstream/versions.md#flags-that-differ, docs/upstream/launch-scripts.md. */
const v1_1: VersionFlags = {
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
const v1_2: VersionFlags = { ...v1_1, generation: '1.2', frontendDecoding: true };

/**
 * With SGLang 0.5.14. Workers reject images unless a flag allows them; the old kinds of multimodal worker still work.
 */
const v1_3: VersionFlags = {
  ...v1_2,
  generation: '1.3',
  encodeComponent: 'encode',
  multimodal: 'modes',
  fractionWithTokenCap: 0.9,
  embeddingTransfer: 'nixl-read',
};

/** With SGLang 0.5.16. */
const v1_4: VersionFlags = {
  ...v1_3,
  generation: '1.4',
  unifiedModule: undefined,
  // The previous flag is a deprecated alias of this one, and was removed in 1.6.
  withoutPrefillGraphs: ['--cuda-graph-backend-prefill', 'disabled'],
  mockerContextLength: true,
};

/** With SGLang 0.5.18 and 0.5.21; no differences. */
const v1_5: VersionFlags = { ...v1_4, generation: '1.5' };
const v1_6: VersionFlags = { ...v1_5, generation: '1.6' };

/** Newest first. */
const versions = [v1_6, v1_5, v1_4, v1_3, v1_2, v1_1];
/** The first version without a row, including its pre-releases. */
const firstUnknown = '1.7.dev0';

export interface VersionFlagsChoice {
  readonly versionFlags: VersionFlags;
  /** Set for a version that is newer than the table: the reason for this row, for the choices of a plan. */
  readonly warning?: string;
}

/**
 * `version`: from package metadata, with or without `.postN`. Throws `environment` for versions before 1.1: there the
 * mocker needs NATS whatever its flags, and an upstream script exits with 0 when a worker crashed.
 * Source: docs/upstream/versions.md#dynamo-10.
 */
export function chooseVersionFlags(version: string): VersionFlagsChoice {
  const found = versions.find(({ generation }) => compareVersions(version, `${generation}.dev0`) >= 0);
  if (!isVersion(version) || found === undefined) {
    throw new DynamoError(
      'environment',
      `Dynamo ${version} is too old: the oldest supported version is 1.1.`,
      {
        hint: 'dynamo setup   # installs a supported version next to yours',
        fields: { version },
      },
    );
  }
  if (compareVersions(version, firstUnknown) < 0) return { versionFlags: found };
  return {
    versionFlags: found,
    warning: `Dynamo ${version} is newer than the versions tested: using the ${found.generation} settings`,
  };
}
