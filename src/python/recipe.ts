/** What must be installed for an engine and a version of Dynamo, or for a tool. */
import { DynamoError } from '../base/error.ts';
import { compareVersions, isVersion } from '../base/package-version.ts';
import type { Deviation } from '../engine/engine.ts';
import { upstreamEngines, type UpstreamName } from '../engine/engines.ts';
import { plannerObstacle, plannerPackages, plannerVersion } from '../engine/planner/need.ts';
import { type ToolName, tools } from './tools.ts';

export interface Recipe {
  readonly holds: UpstreamName | ToolName;
  readonly version: string;
  /** Name of the environment and of its folder. */
  readonly name: string;
  readonly requirement: string;
  /** Versions of Python that its packages support. */
  readonly pythonRange: string;
  readonly preReleases: readonly Deviation[];
  readonly overrides: readonly Deviation[];
  /** Packages that were asked for besides. */
  readonly additions: readonly Deviation[];
  /** Modules that are imported to verify the installation. */
  readonly imports: readonly string[];
  /** Free disk space that the installation needs, in bytes. */
  readonly diskBytes: number;
  /** What the user should know about this version. */
  readonly notes: readonly string[];
  /** The command that installs exactly this. */
  readonly installedBy: string;
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

/** Python versions that the wheels support. Source: metadata of ai-dynamo, and PR 1101 upstream for what is too new. */
const pythonRange = '>=3.10,<3.14';

/** For every engine. Source: docs/upstream/versions.md#requirements-that-cannot-be-met. */
const commonOverrides: readonly Deviation[] = [
  {
    line: 'aisimulate ; python_version < "3"',
    because:
      'left out: on PyPI it is a placeholder that needs pypi.nvidia.com; only the --ais-* options miss it',
    since: '1.5',
  },
  {
    line: 'certifi>=2025',
    because: 'upstream asks for 2026.10.19 or newer, which was not published',
    since: '1.6.1',
  },
];
const commonImports = ['dynamo._core', 'dynamo.frontend.main'];

/** What `--with` adds to an engine. */
export const additionNames = ['planner'] as const;
export type AdditionName = (typeof additionNames)[number];

/** The version that is installed by default. */
export function defaultVersion(engine: UpstreamName, addition?: AdditionName): string {
  return addition === undefined ? upstreamEngines[engine].python.version : plannerVersion;
}

/** `version`: from the user or the registry. Throws `usage` if it is not a version, too old, or cannot have the addition. */
export function recipeFor(engine: UpstreamName, version: string, addition?: AdditionName): Recipe {
  if (!isVersion(version)) {
    throw new DynamoError('usage', `--version ${JSON.stringify(version)} is not a version of Dynamo.`, {
      hint: `dynamo setup --engine ${engine} --version ${defaultVersion(engine)}`,
      fields: { option: '--version', asked: version },
    });
  }
  if (compareVersions(version, oldest) < 0) {
    throw new DynamoError(
      'usage',
      `Dynamo ${version} is too old: ${oldest} is the oldest supported version.`,
      {
        details: ['Before 1.1, every worker needs NATS, and flags that no longer exist.'],
        hint: `dynamo setup --engine ${engine} --version ${defaultVersion(engine)}`,
        fields: { option: '--version', asked: version },
      },
    );
  }
  const published = publishedAs(version.trim().replace(/^v/i, ''));
  if (addition !== undefined) requireAddition(engine, published, addition);
  const suffix = addition === undefined ? '' : `-${addition}`;
  const { python } = upstreamEngines[engine];
  const { backend } = python;
  return {
    holds: engine,
    version: published,
    name: `${engine}-${published}${suffix}`,
    requirement: `ai-dynamo${backend === undefined ? '' : `[${backend.distribution}]`}==${published}`,
    pythonRange,
    preReleases: deviationsAt(published, python.preReleases),
    overrides: deviationsAt(published, [...commonOverrides, ...python.overrides]),
    additions: addition === undefined ? [] : plannerPackages(published),
    imports: [
      ...commonImports,
      ...python.imports(published),
      ...(addition === undefined ? [] : ['dynamo.planner.__main__']),
    ],
    // Seen with 1.4.2: 0.5 GB.
    diskBytes: python.diskBytes(published) + (addition === undefined ? 0 : 1e9),
    notes: [...commonNotes(version, published), ...python.notes(published)],
    installedBy: `dynamo setup --engine ${engine} --version ${published}${addition === undefined ? '' : ` --with ${addition}`}`,
  };
}

/** Throws `usage`. */
function requireAddition(engine: UpstreamName, version: string, addition: AdditionName): void {
  const obstacle = plannerObstacle(version);
  if (obstacle === undefined) return;
  throw new DynamoError('usage', `--with ${addition}: ${obstacle}.`, {
    hint: `dynamo setup --engine ${engine} --version ${plannerVersion} --with planner`,
    fields: { option: '--with', asked: addition, version },
  });
}

/** Always the same version: the one whose output is read. */
export function toolRecipe(tool: ToolName): Recipe {
  const { version, pythonRange: range, imports, diskBytes, title, usedBy } = tools[tool];
  return {
    holds: tool,
    version,
    name: `${tool}-${version}`,
    requirement: `${tool}==${version}`,
    pythonRange: range,
    preReleases: [],
    overrides: [],
    additions: [],
    imports,
    diskBytes,
    notes: [`${title} is used by \`${usedBy}\`; it needs no GPU.`],
    installedBy: `dynamo setup --tool ${tool}`,
  };
}

/** `1.4` is 1.4.0; 1.2.0 and 1.3.0 were only published as post-releases. */
function publishedAs(version: string): string {
  return releaseOf(version) ?? releaseOf(`${version}.post1`) ?? version;
}

function releaseOf(version: string): string | undefined {
  return releases.find((each) => compareVersions(each, version) === 0);
}

/** Oldest first, so that the list is always the same: a different one would reinstall the environment. */
function deviationsAt(version: string, all: readonly Deviation[]): Deviation[] {
  return all
    .filter(
      ({ since, before }) =>
        compareVersions(version, since) >= 0 &&
        (before === undefined || compareVersions(version, before) < 0),
    )
    .toSorted((a, b) => compareVersions(a.since, b.since));
}

function commonNotes(asked: string, published: string): string[] {
  return [
    ...(asked === published ? [] : [`Dynamo ${asked} was published as ${published}.`]),
    ...(compareVersions(published, newestKnown) > 0
      ? [`Dynamo ${published} is newer than the versions tested; it is installed like ${newestKnown}.`]
      : []),
  ];
}
