/** The Python environment and the flags that the installed version takes. */
import { autoEngines, findEngine, upstreamEngines } from '../../engine/engines.ts';
import { lastLine, lineRule } from '../log-lines.ts';
import type { Situation } from '../rule.ts';

/**
 * A flag that this version of the program does not have. argparse (exit 2), and the frontend's own words (exit 1).
 * Source: docs/upstream/processes.md#exit-codes.
 */
export const unknownFlag = lineRule(
  {
    id: 'unknown-flag',
    check: 'D28',
    sees: '`unrecognized arguments: --x`, `Unknown arguments specified`',
    fixes: 'leave the flag out, or an upstream version that has it',
  },
  /error: unrecognized arguments: (.+)$|Unknown arguments specified: \[(.+)\]/,
  ({ groups }, { subject }) => {
    const flags = /--[\w-]+/.exec(groups[0] || groups[1] || '')?.[0] ?? groups[0] ?? groups[1];
    const module = subject?.spec.argv.find((word) => /^dynamo\.\w+$/.test(word));
    return {
      cause: `the installed version of ${module ?? subject?.spec.name ?? 'this program'} has no flag ${flags}`,
      fix:
        module === undefined
          ? `leave ${flags} out`
          : `python -m ${module} --help   # shows what it has; leave ${flags} out`,
    };
  },
);

/** A flag has a value that the program does not take. */
export const badFlagValue = lineRule(
  {
    id: 'bad-flag-value',
    check: 'D28',
    sees: '`error: argument --x: invalid choice`, `invalid int value`, `expected one argument`',
    fixes: 'a value that the message names',
  },
  /error: argument (--[\w-]+)(?:\/[^:]*)?: (invalid .+|expected one argument|expected .+)$/,
  ({ groups }, { subject }) => ({
    cause: `${subject?.spec.name ?? 'the process'} does not take this value of ${groups[0]}: ${(groups[1] ?? '').slice(0, 160)}`,
    fix: `give ${groups[0]} another value, or leave it out`,
  }),
);

/** As a traceback ends, as `python -m` says of the module itself, and as metadata are asked for. */
const noPackage =
  /^(?:ModuleNotFoundError: No module named |\S*python[\d.]*: No module named |\S*python[\d.]*: Error while finding module specification for \S+ \(ModuleNotFoundError: No module named |importlib\.metadata\.PackageNotFoundError: No package metadata was found for )'?([\w.-]+)/;
/** Without these nothing works; what else is missing may be an option that was tried and left, said on the way. */
const vitalPackage = new RegExp(
  `^(?:${Object.values(upstreamEngines)
    .flatMap(({ python }) => python.essential)
    .join('|')})\\b`,
);
/** A traceback is the last thing that Python says, but for what its threads say at the end. */
const tailLines = 10;

/** Where `dynamo setup` makes environments, each named by its engine and version. */
const madeBySetup = new RegExp(
  `^(.*/dynamo/envs/((${Object.keys(upstreamEngines).join('|')})-([^/]+)))/bin/`,
);

/** The Python environment that a process runs in is incomplete: a package that it imports is not there. */
export const packageMissing = lineRule(
  {
    id: 'package-missing',
    check: 'D28',
    sees: "`ModuleNotFoundError: No module named 'sglang'`, or any other as the last thing that a process says",
    fixes:
      '`dynamo setup remove NAME` and `dynamo setup` again for one that it made, `uv pip install` for your own',
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
      fix: '--image runtime=REFERENCE   # an image that holds all of Dynamo',
    };
  }
  const need = findEngine(plan.engine)?.python ?? autoEngines.real.python;
  const [, folder, made, engine, version] = madeBySetup.exec(python) ?? [];
  const fix =
    made === undefined
      ? `uv pip install --python ${python} ${need.byHand}`
      : `dynamo setup remove ${made} && dynamo setup --engine ${engine} --version ${version}`;
  const where = folder ?? python.replace(/\/bin\/[^/]+$/, '');
  return { cause: `the Python package ${name} is not installed in ${where}`, fix };
}

/**
 * The documented install command takes pre-releases of everything; one of tokenizers breaks CLIP, so diffusion
 * models.
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
    cause: 'a pre-release of tokenizers is installed, with which no CLIP tokenizer loads',
    fix: "uv pip install 'tokenizers<0.23'",
  }),
);
