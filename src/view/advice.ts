/** What `dynamo advise` prints: one screen that says of every figure that it is predicted, or the same as JSON. */
import type { ChalkInstance } from 'chalk';
import type { Answer } from '../advise/ask.ts';
import type { Candidate, Role } from '../advise/answer.ts';
import { type Advice, type Contender, tokensPerSecond } from '../advise/choose.ts';
import { predictedBy, upCommand } from '../advise/deployment.ts';
import type { Question } from '../advise/question.ts';
import { durationText } from '../base/duration.ts';
import { countText } from '../base/units.ts';
import { tableText } from './table.ts';

export interface Advised {
  readonly question: Question;
  readonly answer: Answer;
  readonly advice: Advice;
}

/** `written`: the profile file, as an operand of `dynamo up`. Ends without a newline. */
export function adviceScreen(
  { question, answer, advice }: Advised,
  written: string | undefined,
  style: ChalkInstance,
): string {
  const [first] = advice.contenders;
  return [
    style.bold(wishText(question)),
    `${style.yellow('PREDICTED')} ${style.dim(sourceText(question, answer, first.candidate))}`,
    '',
    tableOf(advice, question, style),
    '',
    ...verdict(advice, question).map((line, index) => (index === 0 ? style.bold(line) : line)),
    ...noteLines(advice, answer),
    '',
    `Next ${written === undefined ? upCommand(first.deployment, question) : `dynamo up ${written}`}${placeOf(first.candidate)}`,
  ].join('\n');
}

/** Machines with more GPUs are rare; what needs several goes to a cluster. */
const gpusOfOneMachine = 8;

function placeOf({ gpus }: Candidate): string {
  return gpus > gpusOfOneMachine ? ' --on kubernetes' : '';
}

function wishText({ model, gpu, size, inputTokens, outputTokens, ttftMs, itlMs }: Question): string {
  const load =
    size.kind === 'gpus'
      ? `${size.gpus} × ${gpu}`
      : size.kind === 'rate'
        ? `${gpu} for ${size.requestsPerSecond} requests/s`
        : `${gpu} for ${size.users} requests at once`;
  return `${model} on ${load}: ${inputTokens} tokens in, ${outputTokens} out, TTFT ≤ ${timeText(ttftMs)}, ITL ≤ ${timeText(itlMs)}`;
}

function sourceText(
  { gpu }: Question,
  { version, flagsVersion }: Answer,
  { dataVersion }: Candidate,
): string {
  const flags = flagsVersion === undefined ? '' : `, flags for ${flagsVersion}`;
  return `by AIConfigurator ${version ?? '(unknown version)'} from data of SGLang ${dataVersion} on ${gpu}${flags}; nothing was measured`;
}

/** A column for each mode, the best first, and the limits. */
function tableOf({ contenders }: Advice, { size, ttftMs, itlMs }: Question, style: ChalkInstance): string {
  const row = (name: string, cell: (contender: Contender) => string, limit = ''): string[] => [
    style.dim(name),
    ...contenders.map(cell),
    limit,
  ];
  const within = (text: string, isWithin: boolean): string =>
    isWithin ? text : style.yellow(`${text} (too long)`);
  return tableText([
    [
      '',
      ...contenders.map(({ candidate }, i) => (i === 0 ? style.green.bold : style.bold)(candidate.mode)),
      '',
    ],
    row('workers', ({ candidate }) => workersText(candidate)),
    row('GPUs', ({ candidate: { gpus } }) =>
      size.kind === 'gpus' && gpus < size.gpus ? `${gpus} of ${size.gpus}` : String(gpus),
    ),
    row('tokens/s/GPU', ({ candidate }) => round(candidate.figures.tokensPerSecondPerGpu)),
    row('tokens/s/user', ({ candidate }) => round(candidate.figures.tokensPerSecondPerUser)),
    row(
      'TTFT',
      ({ candidate: { figures } }) => within(timeText(figures.ttftMs), figures.ttftMs <= ttftMs),
      style.dim(`≤ ${timeText(ttftMs)}`),
    ),
    row(
      'ITL',
      ({ candidate: { figures } }) => within(timeText(figures.itlMs), figures.itlMs <= itlMs),
      style.dim(`≤ ${timeText(itlMs)}`),
    ),
    row('requests/s', ({ candidate }) => round(candidate.figures.requestsPerSecond)),
    row('users at once', ({ candidate }) => String(Math.round(candidate.figures.concurrency))),
  ]);
}

/** `2 × tp4`, `prefill 2 × tp2, decode 2 × tp2`. */
function workersText({ roles, replicas }: Candidate): string {
  const shape = ({ workers, gpusPerWorker }: Role): string => `${workers * replicas} × tp${gpusPerWorker}`;
  return roles
    .map((role) => (role.name === 'worker' ? shape(role) : `${role.name} ${shape(role)}`))
    .join(', ');
}

/** The first line answers the question. */
function verdict({ contenders, without }: Advice, question: Question): string[] {
  const [first, second] = contenders;
  const { mode } = first.candidate;
  const alone = without.map((other) => `AIConfigurator has no configuration of ${other} here.`);
  const misses = contenders.every(({ meets }) => !meets)
    ? ['No configuration keeps to both limits; this is the closest.']
    : [];
  if (second === undefined) return [`${mode} is the advice.`, ...alone, ...misses];
  return [comparison(first, second, question), ...misses];
}

function comparison(first: Contender, second: Contender, { size }: Question): string {
  const [a, b] = [first.candidate, second.candidate];
  if (first.meets && !second.meets) return `${a.mode}: ${b.mode} would not keep to the limits.`;
  if (size.kind !== 'gpus') {
    const load =
      size.kind === 'rate' ? `${size.requestsPerSecond} requests/s` : `${size.users} requests at once`;
    return a.gpus === b.gpus
      ? `${a.mode} and ${b.mode} both need ${a.gpus} GPUs for ${load}.`
      : `${a.mode}: ${a.gpus} GPUs for ${load}, against ${b.gpus} with ${b.mode}.`;
  }
  const [mine, other] = [tokensPerSecond(a), tokensPerSecond(b)];
  return `${a.mode}: ${(mine / other).toFixed(2)} × the throughput of ${b.mode}, ${round(mine)} against ${round(other)} tokens/s.`;
}

function noteLines({ contenders: [first], passedOver }: Advice, { candidates }: Answer): string[] {
  return [
    ...passedOver.map(
      ({ candidate, lacks }) =>
        `Not taken: its best for ${candidate.mode}, ${round(candidate.figures.tokensPerSecondPerGpu)} tokens/s/GPU, uses ${lacks.join(' and ')}, which a profile cannot express.`,
    ),
    ...first.deployment.leftOut.map((each) => `Left out: ${each}.`),
    `Chosen from ${countText(candidates.length, 'configuration')}.`,
  ];
}

function timeText(ms: number): string {
  return ms < 100 ? `${Number(ms.toFixed(1))} ms` : durationText(ms);
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1);
}

export function adviceJson({ question, answer, advice }: Advised, written: string | undefined): object {
  return {
    version: 1,
    question,
    predictedBy: { aiconfigurator: answer.version, flags: answer.flagsVersion },
    advice: advice.contenders.map(({ candidate, deployment, meets }) => ({
      profile: deployment.profile,
      meets,
      replicas: deployment.replicas,
      workers: deployment.workers,
      leftOut: deployment.leftOut,
      predicted: predictedBy(candidate, question, answer),
      command: upCommand(deployment, question),
    })),
    passedOver: advice.passedOver.map(({ candidate, lacks }) => ({
      profile: candidate.mode,
      lacks,
      predicted: predictedBy(candidate, question, answer),
    })),
    without: advice.without,
    ...(written === undefined ? {} : { written }),
  };
}
