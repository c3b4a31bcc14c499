/** What must be installed for an engine at a version of Dynamo, and every deviation from upstream's own list with its reason. */
import { DynamoError } from '../base/error.ts';
import { compareVersions, isVersion } from '../base/package-version.ts';

export type SetupEngine = 'mocker' | 'sglang';

/** A line for the installer that upstream's metadata does not hold, and why it is there. */
export interface Deviation {
  readonly line: string;
  readonly because: string;
}

export interface Recipe {
  readonly engine: SetupEngine;
  readonly version: string;
  /** Name of the environment and of its folder. */
  readonly name: string;
  readonly requirement: string;
  /** Pre-releases that are allowed, each by name: allowing all of them pulls broken ones of other packages. */
  readonly preReleases: readonly Deviation[];
  /** Replace what a package of the tree asks for. */
  readonly overrides: readonly Deviation[];
  /** Modules whose import proves that it works. */
  readonly imports: readonly string[];
  /** Free space that making it needs, in bytes. */
  readonly diskBytes: number;
  /** What the user should know about this version. */
  readonly notes: readonly string[];
}

/** Every release since 1.1 on PyPI, oldest first. Source: docs/upstream/versions.md#what-each-version-pins. */
const releases = [
  '1.1.0',
  '1.1.1',
  '1.2.0.post1',
  '1.2.1',
  '1.3.0.post1',
  '1.3.1',
  '1.4.0',
  '1.4.1',
  '1.4.2',
  '1.5.0',
  '1.5.1',
  '1.6.0',
  '1.6.1',
];
const newestKnown = releases.at(-1) ?? '';
const oldest = releases[0] ?? '';

/** The newest that was seen to serve on each engine. Source: docs/upstream/versions.md#what-each-version-pins. */
export const defaultVersions: Readonly<Record<SetupEngine, string>> = { mocker: '1.6.1', sglang: '1.4.2' };

/** Installed as here, `agg` answered with `device: cpu`. */
const newestTried = '1.6.1';

/** Pythons that the wheels support. Source: metadata of ai-dynamo, and PR 1101 upstream for what is too new. */
export const pythonRange = '>=3.10,<3.14';

const GB = 1e9;

/** `version` as the user or the registry says it. Throws `usage` for what is no version or is too old. */
export function recipeFor(engine: SetupEngine, version: string): Recipe {
  if (!isVersion(version)) {
    throw new DynamoError('usage', `--version ${JSON.stringify(version)} is no version of Dynamo.`, {
      hint: `dynamo setup --engine ${engine} --version ${defaultVersions[engine]}`,
    });
  }
  if (compareVersions(version, oldest) < 0) {
    throw new DynamoError('usage', `Dynamo ${version} is too old: ${oldest} is the first that works here.`, {
      details: ['Before 1.1 every worker needs NATS, and flags that are gone since.'],
      hint: `dynamo setup --engine ${engine} --version ${defaultVersions[engine]}`,
    });
  }
  const published = publishedAs(version.trim().replace(/^v/i, ''));
  return {
    engine,
    version: published,
    name: `${engine}-${published}`,
    requirement: engine === 'sglang' ? `ai-dynamo[sglang]==${published}` : `ai-dynamo==${published}`,
    preReleases: engine === 'sglang' ? preReleases(published) : [],
    overrides: overrides(engine, published),
    imports: engine === 'sglang' ? sglangImports(published) : baseImports,
    diskBytes: engine === 'mocker' ? 1 * GB : compareVersions(published, '1.2') < 0 ? 15 * GB : 12 * GB,
    notes: notes(engine, version, published),
  };
}

/** `1.4` is 1.4.0; 1.2.0 and 1.3.0 were published as their post-releases alone. */
function publishedAs(version: string): string {
  return releaseOf(version) ?? releaseOf(`${version}.post1`) ?? version;
}

function releaseOf(version: string): string | undefined {
  return releases.find((each) => compareVersions(each, version) === 0);
}

const baseImports = ['dynamo._core', 'dynamo.frontend.main', 'dynamo.mocker.main'];

/** The worker itself, where it can be imported without a driver: not before 1.4. Seen with 1.1.1 and 1.4.2. */
function sglangImports(version: string): string[] {
  const worker = compareVersions(version, '1.4') < 0 ? ['torch', 'sglang'] : ['dynamo.sglang.main'];
  return ['dynamo._core', 'dynamo.frontend.main', ...worker];
}

/**
 * Upstream documents `--prerelease=allow`, with which pre-releases of tokenizers and others come in that break image
 * models. Source: docs/upstream/versions.md#pre-releases. The bounds are those of the SGLang that each Dynamo pins.
 */
function preReleases(version: string): Deviation[] {
  const because = 'SGLang needs it, and it has pre-releases only';
  const attention = flashAttention.find(([from]) => compareVersions(version, from) >= 0)?.[1];
  return attention === undefined ? [] : [{ line: `flash-attn-4${attention}`, because }];
}

/** Newest first. Source: metadata of sglang 0.5.16, 0.5.14, 0.5.11 and 0.5.10.post1. */
const flashAttention = [
  ['1.4', '>=4.0.0b18'],
  ['1.3', '==4.0.0b15'],
  ['1.2', '>=4.0.0b9'],
  ['1.1', '>=4.0.0b4'],
] as const;

/** Source: docs/upstream/versions.md#requirements-that-cannot-be-met. */
function overrides(engine: SetupEngine, version: string): Deviation[] {
  const lines: Deviation[] = [];
  if (engine === 'sglang' && compareVersions(version, '1.2') < 0) {
    lines.push({
      line: 'numpy<2.4',
      because: "Triton's interpreter of then, which device: cpu needs, fails with newer ones",
    });
  }
  if (compareVersions(version, '1.5') >= 0) {
    lines.push({
      line: 'aisimulate ; python_version < "3"',
      because:
        'left out: on PyPI it is a placeholder that needs pypi.nvidia.com; only the --ais-* options miss it',
    });
  }
  if (engine === 'sglang' && compareVersions(version, '1.5') >= 0) {
    lines.push({
      line: 'cuda-tile==1.6.0',
      because: 'the pre-release that SGLang asks for is a placeholder on PyPI that needs pypi.nvidia.com',
    });
  }
  if (compareVersions(version, '1.6.1') >= 0) {
    lines.push({
      line: 'certifi>=2025',
      because: 'upstream asks for 2026.10.19 or newer, which was not published',
    });
  }
  return lines;
}

function notes(engine: SetupEngine, asked: string, published: string): string[] {
  const said: string[] = [];
  if (asked !== published) said.push(`Dynamo ${asked} was published as ${published}.`);
  if (compareVersions(published, newestKnown) > 0) {
    said.push(
      `Dynamo ${published} is newer than what this tool knows (${newestKnown}): installed as that one is.`,
    );
  }
  if (engine === 'sglang' && compareVersions(published, '1.2') < 0) {
    said.push('This version loads libcuda.so.1 when a worker starts, also without a GPU.');
  }
  if (engine === 'sglang' && compareVersions(published, '1.5') >= 0) {
    said.push(
      published === newestTried
        ? `SGLang of Dynamo ${published} was tried on a CPU only; ${defaultVersions.sglang} on GPUs, too.`
        : `SGLang of Dynamo ${published} was not tried by this tool; ${defaultVersions.sglang} was.`,
    );
  }
  return said;
}
