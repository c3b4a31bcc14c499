/** Why AIConfigurator has no answer, in a sentence, from what it and its support check say. Texts as of 0.12.0. */
import { DynamoError } from '../base/error.ts';
import { durationText } from '../base/duration.ts';
import { adviseCommand, gpuTypeNames, type Question } from './question.ts';

export interface Said {
  /** Of the search, and of the support check after it. */
  readonly log: string;
  readonly support: string;
}

export function refusal(question: Question, { log, support }: Said): DynamoError {
  const { model, gpu, ttftMs, itlMs } = question;
  if (/is not a valid HuggingFace model path or local path/.test(log)) {
    return new DynamoError(
      'unavailable',
      `AIConfigurator does not know the model ${model}, and cannot load its config.json.`,
      {
        details: own(log).slice(-1),
        hint: `${adviseCommand({ ...question, model: './folder' })}   # a folder with its config.json`,
        fields: { asked: model },
      },
    );
  }
  if (/No valid support-matrix backend version found/.test(support)) {
    return new DynamoError('unavailable', `AIConfigurator has no data of ${model} with SGLang on ${gpu}.`, {
      ...otherGpu(question),
      fields: { asked: gpu },
    });
  }
  const [agg, disagg] = ['Aggregated', 'Disaggregated'].map(
    (mode) => new RegExp(`^ *${mode} Support: +(YES|NO)`, 'm').exec(support)?.[1],
  );
  if (agg === 'NO' && disagg === 'NO') {
    return new DynamoError(
      'unavailable',
      `AIConfigurator supports neither agg nor disagg for ${model} with SGLang on ${gpu}.`,
      { ...otherGpu(question), fields: { asked: gpu } },
    );
  }
  return new DynamoError('unavailable', `AIConfigurator found no configuration for ${wishText(question)}.`, {
    details: [
      ...(agg === undefined || disagg === undefined
        ? []
        : [`Its support check says: agg ${agg.toLowerCase()}, disagg ${disagg.toLowerCase()}.`]),
      ...own(log),
    ],
    hint: `${adviseCommand({ ...question, ttftMs: ttftMs * 5, itlMs: itlMs * 5 })}   # or more GPUs`,
    fields: { asked: model },
  });
}

function otherGpu(question: Question): { details: string[]; hint: string } {
  const other = gpuTypeNames.filter((name) => name !== question.gpu);
  return {
    details: [`Types of GPU that it has data of, for some models: ${other.join(', ')}.`],
    hint: adviseCommand({ ...question, gpu: question.gpu === 'h200_sxm' ? 'h100_sxm' : 'h200_sxm' }),
  };
}

function wishText({ model, gpu, size, ttftMs, itlMs }: Question): string {
  const limits = `TTFT ≤ ${durationText(ttftMs)} and ITL ≤ ${durationText(itlMs)}`;
  return `${model} on ${size.kind === 'gpus' ? `${size.gpus} × ` : ''}${gpu} with ${limits}`;
}

/** Why each shape was skipped; the one that it names is any of them. */
const perShape = /Error running experiment|-> Experiment|No successful experiment/;

/** Its last errors, without time and place in its sources. */
function own(log: string): string[] {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const errors = lines.flatMap((line) => {
    const [, logged, parsed] = /\[E\] \[[^\]]*\]\s+(.*)|: error: (.*)/.exec(line) ?? [];
    return logged ?? parsed ?? [];
  });
  const said = errors.length > 0 ? errors.filter((text) => !perShape.test(text)) : lines;
  return said.slice(-3).map((text) => `  ${text}`);
}
