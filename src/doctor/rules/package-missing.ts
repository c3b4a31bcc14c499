/** The Python environment that a process runs in is incomplete: a package that it imports is not there. */
import { lastLine, lineRule } from '../log-lines.ts';
import type { Situation } from '../rule.ts';

/** As a traceback ends, as `python -m` says of the module itself, and as metadata are asked for. */
const missing =
  /^(?:ModuleNotFoundError: No module named |\S*python[\d.]*: No module named |\S*python[\d.]*: Error while finding module specification for \S+ \(ModuleNotFoundError: No module named |importlib\.metadata\.PackageNotFoundError: No package metadata was found for )'?([\w.-]+)/;
/** Without these nothing works; what else is missing may be an option that was tried and left, said on the way. */
const vital = /^(?:sglang|dynamo|torch|sgl_kernel)\b/;
/** A traceback is the last thing that Python says, but for what its threads say at the end. */
const tail = 10;

const packages = {
  sglang: "--prerelease=if-necessary-or-explicit 'ai-dynamo[sglang]' 'flash-attn-4>=4.0.0b18'",
  mocker: 'ai-dynamo',
};

export const packageMissing = lineRule(
  {
    id: 'package-missing',
    check: 'D28',
    sees: "`ModuleNotFoundError: No module named 'sglang'`, or any other as the last thing that a process says",
    fixes:
      '`dynamo setup remove NAME` and `dynamo setup` again for one that it made, `uv pip install` for your own',
  },
  missing,
  ({ groups: [name = ''] }, situation) => {
    const last = situation.subject?.lines.slice(-tail) ?? [];
    if (!vital.test(name) && lastLine(last, missing) === undefined) return undefined;
    return completion(name, situation);
  },
);

function completion(name: string, { subject, plan }: Situation) {
  const python = subject?.spec.argv[0] ?? 'python3';
  const image = subject?.spec.container?.image;
  if (image !== undefined) {
    return {
      cause: `the Python package ${name} is not in the image ${image}`,
      fix: '--image runtime=REFERENCE   # an image that holds all of Dynamo',
    };
  }
  const engine = plan.engine === 'mocker' ? 'mocker' : 'sglang';
  const [, folder, made, version] =
    /^(.*\/dynamo\/envs\/((?:mocker|sglang)-([^/]+)))\/bin\//.exec(python) ?? [];
  const fix =
    made === undefined
      ? `uv pip install --python ${python} ${packages[engine]}`
      : `dynamo setup remove ${made} && dynamo setup --engine ${made.split('-')[0]} --version ${version}`;
  const where = folder ?? python.replace(/\/bin\/[^/]+$/, '');
  return { cause: `the Python package ${name} is not installed in ${where}`, fix };
}
