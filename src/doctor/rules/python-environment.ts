/** The Python environment, and the flags that the installed version supports. */
import { autoEngines, findEngine, upstreamEngines } from '../../engine/engines.ts';
import { lastLine, lineRule } from '../log-lines.ts';
import type { Situation } from '../rule.ts';

/**
 * A flag that this version does not support: messages of argparse (exit 2) and of the frontend (exit 1).
 * Source: docs/upstream/processes.md#exit-codes.
 */
export const unknownFlag = lineRule(
  {
    id: 'unknown-flag',
    check: 'D28',
    sees: '`unrecognized arguments: --x`, `Unknown arguments specified`',
    fixes: 'remove the flag, or install an upstream version that supports it',
  },
  /error: unrecognized arguments: (.+)$|Unknown arguments specified: \[(.+)\]/,
  ({ groups }, { subject }) => {
    const flags = /--[\w-]+/.exec(groups[0] || groups[1] || '')?.[0] ?? groups[0] ?? groups[1];
    const module = subject?.spec.argv.find((word) => /^dynamo\.\w+$/.test(word));
    return {
      cause: `the installed version of ${module ?? subject?.spec.name ?? 'this program'} does not support ${flags}`,
      fix:
        module === undefined
          ? `leave ${flags} out`
          : `python -m ${module} --help   # lists its flags; remove ${flags}`,
    };
  },
);

/** A flag has a value that the program does not accept. */
export const badFlagValue = lineRule(
  {
    id: 'bad-flag-value',
    check: 'D28',
    sees: '`error: argument --x: invalid choice`, `invalid int value`, `expected one argument`',
    fixes: 'use a value from the message',
  },
  /error: argument (--[\w-]+)(?:\/[^:]*)?: (invalid .+|expected one argument|expected .+)$/,
  ({ groups }, { subject }) => ({
    cause: `${subject?.spec.name ?? 'the process'} does not accept this value of ${groups[0]}: ${(groups[1] ?? '').slice(0, 160)}`,
    fix: `set ${groups[0]} to another value, or remove it`,
  }),
);

/** The end of a traceback, the message of `python -m` about the module itself, and that of a metadata lookup. */
const noPackage =
  /^(?:ModuleNotFoundError: No module named |\S*python[\d.]*: No module named |\S*python[\d.]*: Error while finding module specification for \S+ \(ModuleNotFoundError: No module named |importlib\.metadata\.PackageNotFoundError: No package metadata was found for )'?([\w.-]+)/;
/** Nothing works without these packages; other missing modules may be optional and only logged in passing. */
const vitalPackage = new RegExp(
  `^(?:${Object.values(upstreamEngines)
    .flatMap(({ python }) => python.essential)
    .join('|')})\\b`,
);
/** A traceback is Python's last output, except for messages of threads at exit. */
const tailLines = 10;

/** Where `dynamo setup` creates environments, each named by engine and version. */
const madeBySetup = new RegExp(
  `^(.*/dynamo/envs/((${Object.keys(upstreamEngines).join('|')})-([^/]+)))/bin/`,
);

/** The Python environment of a process is incomplete: an imported package is missing. */
export const packageMissing = lineRule(
  {
    id: 'package-missing',
    check: 'D28',
    sees: "`ModuleNotFoundError: No module named 'sglang'`, or any other module in the last line of a process",
    fixes:
      '`dynamo setup remove NAME` and `dynamo setup` again if one that it made lacks Dynamo or its engine, else `uv pip install`',
  },
  noPackage,
  ({ groups: [name = ''] }, situation) => {
    const last = situation.subject?.lines.slice(-tailLines) ?? [];
    if (!vitalPackage.test(name) && lastLine(last, noPackage) === undefined) return undefined;
    return installFix(name, situation);
  },
);

function installFix(name: string, { subject, plan }: Situation) {
  const python = subject?.spec.argv[0] ?? 'python3';
  const image = subject?.spec.container?.image;
  if (image !== undefined) {
    return {
      cause: `the Python package ${name} is not in the image ${image}`,
      fix: '--image runtime=REFERENCE   # an image with all of Dynamo',
    };
  }
  const need = findEngine(plan.engine)?.python ?? autoEngines.real.python;
  const [, folder, made, engine, version] = madeBySetup.exec(python) ?? [];
  // Made again, it would lack what upstream does not require: an extra of SGLang, or what a model's own code imports.
  const ofSetup = vitalPackage.test(name)
    ? `dynamo setup remove ${made} && dynamo setup --engine ${engine} --version ${version}`
    : `uv pip install --python ${python} ${name}`;
  const fix = made === undefined ? `uv pip install --python ${python} ${need.byHand}` : ofSetup;
  const where = folder ?? python.replace(/\/bin\/[^/]+$/, '');
  return { cause: `the Python package ${name} is not installed in ${where}`, fix };
}

/**
 * The documented install command allows all pre-releases; one of tokenizers breaks CLIP, and so diffusion models.
 * Source: docs/upstream/versions.md#pre-releases, tokenizers 0.23.0rc0.
 */
export const prereleasePackages = lineRule(
  {
    id: 'prerelease-packages',
    check: 'D28',
    sees: "`RobertaProcessing.__new__() got an unexpected keyword argument 'cls'`",
    fixes: 'install with `--prerelease=if-necessary-or-explicit`',
  },
  /RobertaProcessing\.__new__\(\) got an unexpected keyword argument 'cls'/,
  () => ({
    cause: 'the installed pre-release of tokenizers cannot load CLIP tokenizers',
    fix: "uv pip install 'tokenizers<0.23'",
  }),
);
