/** Finds the dialect of an installed version. */
import { DynamoError } from '../../base/error.ts';
import { compareVersions, isVersion } from '../../base/package-version.ts';
import type { Dialect } from './dialect.ts';
import { v1_1 } from './v1-1.ts';
import { v1_2, v1_3 } from './v1-2.ts';
import { v1_4 } from './v1-4.ts';
import { v1_5 } from './v1-5.ts';
import { v1_6 } from './v1-6.ts';

export interface DialectChoice {
  readonly dialect: Dialect;
  /** Set when the version is newer than every known one: why this dialect, for the choices of a plan. */
  readonly warning?: string;
}

/** Newest first. */
const dialects = [v1_6, v1_5, v1_4, v1_3, v1_2, v1_1];
/** The first that no dialect knows; its pre-releases are unknown too. */
const firstUnknown = '1.7.dev0';

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
