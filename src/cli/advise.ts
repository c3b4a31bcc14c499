/** `dynamo advise`: predicts which deployment serves a model best, and gives it as a command, a profile or a manifest. */
import { statSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { ask, type Answer } from '../advise/ask.ts';
import { choose } from '../advise/choose.ts';
import { profileYaml } from '../advise/deployment.ts';
import { gpuTypeNames, gpuTypeOf, type Question, type Size, usual } from '../advise/question.ts';
import { systemClock } from '../base/clock.ts';
import type { Environment } from '../base/environment.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { quote } from '../base/terminal-text.ts';
import { modelFact } from '../deployment/model-facts.ts';
import { inventory } from '../gpu/inventory.ts';
import { requireLinux } from '../package/platform.ts';
import { findTool } from '../python/find-tool.ts';
import { chooseSteps } from '../view/steps.ts';
import { styleFor } from '../view/style.ts';
import { fitLines, terminalWidth } from '../view/wrap.ts';
import { deploymentFlags, graphYaml } from './kubernetes/advised.ts';
import { adviceJson, adviceScreen, type Advised } from '../view/advice.ts';
import { decimalSeconds, milliseconds, wholeNumber } from './flag-values.ts';
import { addManifestOptions, type ManifestFlags, requireTarget } from './kubernetes/manifest-options.ts';
import { signalExitCode, watchSignals } from './signals.ts';
import { badValue, seconds } from './up/deployment-options.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo advise --model Qwen/Qwen3-32B --gpus 8 --gpu h200_sxm    which deployment makes the most of these GPUs
  dynamo advise --model Qwen/Qwen3-32B --isl 4000 --osl 500 --ttft 1s --itl 20ms    on the GPUs of this host
  dynamo advise --model Qwen/Qwen3-32B --gpu h200_sxm --rate 1000      the fewest GPUs for 1000 requests/s
  dynamo advise --model ./my-model --gpus 4 --gpu h100_sxm --write mine.yaml    write a profile: dynamo up mine.yaml
  dynamo advise --model Qwen/Qwen3-32B --gpu h200_sxm --users 5000 --on kubernetes > graph.yaml

The figures are predictions of NVIDIA's AIConfigurator from measurements of others; nothing is measured here, and no GPU is
used. \`dynamo setup --tool aiconfigurator\` installs it. It takes about 20 s.

Exit codes: 0 there is advice, 64 bad flag, 69 no data or no answer in time, 73 the file cannot be written,
78 AIConfigurator is not installed, 130 Ctrl-C, 143 SIGTERM.`;

interface AdviseFlags extends ManifestFlags {
  readonly model: string;
  readonly gpus?: number;
  readonly rate?: number;
  readonly users?: number;
  readonly gpu?: string;
  readonly isl: number;
  readonly osl: number;
  readonly ttft?: number;
  readonly itl?: number;
  readonly write?: string;
  readonly timeout: number;
  readonly json?: true;
}

export const configure: Configure = (command: Command, settle, environment) => {
  addManifestOptions(
    command
      .requiredOption('--model <model>', 'Hugging Face id, or a local folder with config.json')
      .option('--gpus <number>', 'GPUs to use; default: those of this host', count('--gpus'))
      .option(
        '--rate <number>',
        'in place of --gpus: the fewest GPUs for so many requests/s',
        amount('--rate'),
      )
      .option(
        '--users <number>',
        'in place of --gpus: the fewest GPUs for so many requests at once',
        count('--users'),
      )
      .option('--gpu <type>', `type of GPU, such as h200_sxm; default: that of this host`)
      .option('--isl <tokens>', 'tokens of a request', count('--isl'), usual.inputTokens)
      .option('--osl <tokens>', 'tokens of an answer', count('--osl'), usual.outputTokens)
      .option('--ttft <time>', 'longest time to the first token, such as 1s (default: 2s)', time('--ttft'))
      .option('--itl <time>', 'longest time between tokens, such as 20ms (default: 30ms)', time('--itl'))
      .option('--write <file>', 'write a profile for dynamo up; the file must not exist'),
  )
    .option('--timeout <seconds>', 'time limit for the answer', seconds('--timeout'), 300)
    .option('--json', 'print JSON')
    .addHelpText('after', examples)
    .action(async (flags: AdviseFlags) => settle(await advise(flags, environment)));
};

async function advise(flags: AdviseFlags, environment: Environment): Promise<number> {
  requireLinux('advise');
  requireTarget(deploymentFlags(flags));
  if (flags.write !== undefined) requireNewFile(flags.write);
  const tool = findTool('aiconfigurator', environment);
  const question = await questionOf(flags, environment);
  const [stop, kill] = [new AbortController(), new AbortController()];
  const stopped = new Error('stopped by a signal');
  const signals = watchSignals(
    () => stop.abort(stopped),
    () => kill.abort(),
  );
  let answer: Answer;
  try {
    const steps = await chooseSteps(environment);
    answer = await steps.step('AIConfigurator', async (view) => {
      const answered = await ask(question, {
        tool,
        environment,
        clock: systemClock,
        timeoutMs: flags.timeout * 1e3,
        stop: stop.signal,
        kill: kill.signal,
        caption: view.caption,
      });
      view.title(
        `AIConfigurator${answered.version === undefined ? '' : ` ${answered.version}`}, ${tool.because}`,
      );
      return answered;
    });
  } catch (error) {
    const signal = signals.first();
    if (signal === undefined || error !== stopped) throw error;
    process.stderr.write('stopped: nothing is left running\n');
    return signalExitCode(signal);
  } finally {
    signals.end();
  }
  await show({ question, answer, advice: choose(answer.candidates, question) }, flags, environment);
  return 0;
}

async function show(advised: Advised, flags: AdviseFlags, environment: Environment): Promise<void> {
  const { question, answer, advice } = advised;
  const [{ candidate }] = advice.contenders;
  if (flags.write !== undefined) writeNew(flags.write, profileYaml(candidate, question, answer));
  const written = flags.write === undefined ? undefined : asOperand(flags.write);
  if (flags.on === 'kubernetes') {
    process.stdout.write(await graphYaml(advised, flags, environment));
  } else if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(adviceJson(advised, written), undefined, 2)}\n`);
    return;
  }
  const stream = flags.on === 'kubernetes' ? process.stderr : process.stdout;
  const text = adviceScreen(advised, written, styleFor(stream, environment));
  stream.write(`${fitLines(text, terminalWidth(stream))}\n`);
}

async function questionOf(flags: AdviseFlags, environment: Environment): Promise<Question> {
  const { model, isl, osl, ttft = usual.ttftMs, itl = usual.itlMs } = flags;
  const asked = (['gpus', 'rate', 'users'] as const).filter((key) => flags[key] !== undefined);
  if (asked.length > 1) {
    throw new DynamoError('usage', `Use one of ${asked.map((key) => `--${key}`).join(' and ')}.`, {
      hint: 'dynamo advise --help',
      fields: { option: `--${asked[0]}` },
    });
  }
  const host = flags.gpu !== undefined && asked.length > 0 ? undefined : await inventory(environment);
  const gpu = flags.gpu ?? gpuHere(host?.gpus ?? [], host?.problem);
  const size: Size =
    flags.rate !== undefined
      ? { kind: 'rate', requestsPerSecond: flags.rate }
      : flags.users !== undefined
        ? { kind: 'users', users: flags.users }
        : { kind: 'gpus', gpus: flags.gpus ?? countHere(host?.gpus ?? []) };
  const limits = { inputTokens: isl, outputTokens: osl, ttftMs: ttft, itlMs: itl };
  return { model, modelPath: modelPathOf(model, environment), gpu, size, ...limits };
}

/** Throws `environment` for a folder without what AIConfigurator reads. */
function modelPathOf(model: string, environment: Environment): string {
  const fact = modelFact(model, environment);
  if (fact.kind === 'hub') return model;
  if (fact.kind === 'missing') {
    throw new DynamoError('environment', `--model ${model}: ${fact.problem}.`, {
      hint: fact.hint,
      fields: { option: '--model', asked: model },
    });
  }
  if (statSync(resolve(fact.path, 'config.json'), { throwIfNoEntry: false })?.isFile() === true)
    return fact.path;
  throw new DynamoError('environment', `--model ${model}: there is no config.json in ${fact.path}.`, {
    hint: `ls ${quote(fact.path)}`,
    fields: { option: '--model', asked: model, file: fact.path },
  });
}

type Here = Awaited<ReturnType<typeof inventory>>['gpus'];

function gpuHere(gpus: Here, problem: string | undefined): string {
  const [first] = gpus;
  const type = first === undefined ? undefined : gpuTypeOf(first);
  if (type !== undefined) return type;
  const seen =
    first === undefined
      ? (problem ?? 'this host has no NVIDIA GPU')
      : `AIConfigurator has no data of ${first.name}`;
  throw new DynamoError('usage', `Say for which type of GPU: ${seen}.`, {
    details: [`Types: ${gpuTypeNames.join(', ')}`],
    hint: 'add --gpu h200_sxm',
    fields: { option: '--gpu', choices: gpuTypeNames },
  });
}

function countHere(gpus: Here): number {
  if (gpus.length > 0) return gpus.length;
  throw new DynamoError('usage', 'Say for how many GPUs, or for which load: this host has no NVIDIA GPU.', {
    hint: 'add --gpus 8, or --rate 100, or --users 500',
    fields: { option: '--gpus' },
  });
}

/** Throws `usage` for a name that is not that of a profile file, and `cannot-write` for a file that exists. */
function requireNewFile(file: string): void {
  if (!/^[a-z0-9][a-z0-9_-]*\.ya?ml$/.test(basename(file)))
    throw badValue('--write', file, 'expected a name such as my-model.yaml, in lower case');
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) throw existsAlready(file);
}

function existsAlready(file: string): DynamoError {
  return new DynamoError('cannot-write', `${file} exists already.`, {
    hint: `mv ${quote(file)} ${quote(`${file}.old`)}`,
    fields: { file },
  });
}

function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') throw existsAlready(file);
    throw new DynamoError('cannot-write', `${file} cannot be written: ${messageOf(cause)}.`, {
      cause,
      hint: 'write to another folder, such as --write ~/my-model.yaml',
      fields: { file },
    });
  }
}

/** A path, and not the name of a profile. */
function asOperand(file: string): string {
  return quote(file.includes('/') ? file : `./${file}`);
}

function count(flag: string): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text, 1, 1_000_000);
    if (value === undefined) throw badValue(flag, text, 'expected a number from 1 to 1000000');
    return value;
  };
}

function amount(flag: string): (text: string) => number {
  return (text) => {
    const value = decimalSeconds(text);
    if (value === undefined || value === 0) throw badValue(flag, text, 'expected a number greater than 0');
    return value;
  };
}

function time(flag: string): (text: string) => number {
  return (text) => {
    const value = milliseconds(text);
    if (value === undefined) throw badValue(flag, text, 'expected a time such as 20ms or 1.5s');
    return value;
  };
}
