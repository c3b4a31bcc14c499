/** Which of AIConfigurator's configurations is advised: the best of each mode that a profile can express, best first. */
import { DynamoError } from '../base/error.ts';
import { type Candidate, type Mode, modes } from './answer.ts';
import { type Deployment, deploymentOf, lacksOf } from './deployment.ts';
import { adviseCommand, type Question } from './question.ts';

export interface Contender {
  readonly candidate: Candidate;
  readonly deployment: Deployment;
  /** Whether it keeps to the limits of TTFT and ITL, as predicted. */
  readonly meets: boolean;
}

/** A better one that cannot be deployed. */
export interface PassedOver {
  readonly candidate: Candidate;
  readonly lacks: readonly string[];
}

export interface Advice {
  /** At most one of each mode; the first is the advice. */
  readonly contenders: readonly [Contender, ...Contender[]];
  readonly passedOver: readonly PassedOver[];
  /** Modes without a configuration. */
  readonly without: readonly Mode[];
}

/** Throws `unavailable` if a profile can express none of them. */
export function choose(candidates: readonly Candidate[], question: Question): Advice {
  const fitting = candidates.filter(({ replicas }) => replicas >= 1);
  const contenders = modes
    .flatMap((mode) => contenderOf(fitting, mode, question) ?? [])
    .toSorted((a, b) => Number(b.meets) - Number(a.meets) || better(a.candidate, b.candidate, question));
  const passedOver = modes.flatMap((mode) => passedOverIn(fitting, mode, contenders));
  const [first, ...others] = contenders;
  if (first === undefined) throw nothingFits(passedOver, question);
  return {
    contenders: [first, ...others],
    passedOver,
    without: modes.filter((mode) => !fitting.some((candidate) => candidate.mode === mode)),
  };
}

/** In the order of AIConfigurator, which ranks those first that keep to the limits. */
function contenderOf(
  candidates: readonly Candidate[],
  mode: Mode,
  question: Question,
): Contender | undefined {
  const able = candidates.filter((each) => each.mode === mode && lacksOf(each).length === 0);
  const candidate = able.find((each) => meets(each, question)) ?? able[0];
  if (candidate === undefined) return undefined;
  return { candidate, deployment: deploymentOf(candidate), meets: meets(candidate, question) };
}

function meets({ figures }: Candidate, { ttftMs, itlMs }: Question): boolean {
  return figures.ttftMs <= ttftMs && figures.itlMs <= itlMs;
}

/** More tokens from the same GPUs, or fewer GPUs for the same load. */
function better(a: Candidate, b: Candidate, { size }: Question): number {
  return size.kind === 'gpus' ? tokensPerSecond(b) - tokensPerSecond(a) : a.gpus - b.gpus;
}

export function tokensPerSecond({ figures, gpus }: Candidate): number {
  return figures.tokensPerSecondPerGpu * gpus;
}

/** The best of a mode, where it ranks above the one that is taken. */
function passedOverIn(
  candidates: readonly Candidate[],
  mode: Mode,
  contenders: readonly Contender[],
): PassedOver[] {
  const [best] = candidates.filter((each) => each.mode === mode);
  if (best === undefined || contenders.some(({ candidate }) => candidate === best)) return [];
  const lacks = lacksOf(best);
  return lacks.length === 0 ? [] : [{ candidate: best, lacks }];
}

function nothingFits(passedOver: readonly PassedOver[], question: Question): DynamoError {
  const { model, gpu, size } = question;
  if (passedOver.length === 0) {
    return new DynamoError('unavailable', `Each configuration of ${model} needs more GPUs than were given.`, {
      hint: adviseCommand({
        ...question,
        size: { kind: 'gpus', gpus: size.kind === 'gpus' ? size.gpus * 2 : 8 },
      }),
      fields: { asked: model },
    });
  }
  return new DynamoError(
    'unavailable',
    `No configuration that AIConfigurator found for ${model} on ${gpu} can be written as a profile.`,
    {
      details: passedOver.map(
        ({ candidate, lacks }) => `  its best for ${candidate.mode} uses ${lacks.join(', ')}`,
      ),
      hint: `aiconfigurator cli default --model-path ${model} --system ${gpu} --backend sglang --total-gpus 8   # its own files`,
      fields: { asked: model },
    },
  );
}
