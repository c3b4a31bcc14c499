/** A language-model worker was pointed at a diffusers model, which has model_index.json instead of config.json. */
import { lineRule } from '../log-lines.ts';

/** SGLang 0.5.16 says `Unrecognized model`: recorded with a folder that has only model_index.json. */
const noConfig =
  /Unrecognized model in \S+\. Should have a `model_type` key in its config\.json|unable to extract config\.json from directory|Cannot find a config\.json|does not appear to have a file named config\.json/;

export const modelKind = lineRule(
  {
    id: 'model-kind',
    check: 'D02',
    sees: '`unable to extract config.json from directory …`, `Unrecognized model in … Should have a model_type key`',
    fixes: 'the profile for that kind of model: `dynamo up diffusion` or `dynamo up video`',
  },
  noConfig,
  (_, { plan, subject }) => ({
    cause: `${plan.model.path} has no config.json, as diffusers models have it, and ${subject?.spec.name ?? 'the worker'} runs as a language-model worker`,
    fix: `dynamo up diffusion --model ${plan.model.path}   # a model that makes videos: dynamo up video`,
  }),
);
