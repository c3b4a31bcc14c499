/**
 * Compares versions of Python packages: release numbers, pre-releases and `.postN`.
 * Not @renovatebot/pep440: it also handles epochs, wildcards and ranges, which are not needed here.
 */

const shape = /^v?(\d+(?:\.\d+)*)(?:[._-]?(a|b|rc)\.?(\d+))?(?:\.post(\d+))?(?:\.dev(\d+))?(?:\+.*)?$/;

/** A pre-release comes before its release, a post-release after it. Source: PEP 440. */
const stages: Readonly<Record<string, number>> = { a: -3, b: -2, rc: -1 };

/** Numbers to compare in order: four of the release, stage and number of a pre-release, post, dev. */
function parts(version: string): readonly number[] | undefined {
  const match = shape.exec(version.trim().toLowerCase());
  if (match === null) return undefined;
  const [, release = '', stage, preNumber, post, dev] = match;
  const numbers = release.split('.').map(Number);
  // A development version of a release comes before its pre-releases.
  const stageRank = stage === undefined ? (dev !== undefined && post === undefined ? -4 : 0) : stages[stage];
  return [
    ...[0, 1, 2, 3].map((index) => numbers[index] ?? 0),
    stageRank ?? 0,
    Number(preNumber ?? 0),
    Number(post ?? -1),
    dev === undefined ? Number.MAX_SAFE_INTEGER : Number(dev),
  ];
}

export function isVersion(text: string): boolean {
  return parts(text) !== undefined;
}

/** Negative if `a` is older. A text that is not a version counts as older than any version. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a) ?? [-1], parts(b) ?? [-1]];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
