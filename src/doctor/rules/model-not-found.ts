/** The hub does not know the model, or hides it from who asks without the right token. */
import { isSet, lineRule } from '../log-lines.ts';

const unknown =
  /Repository Not Found for url|RepositoryNotFoundError|is not a local folder and is not a valid model identifier|Failed to fetch model '([^']+)' .*(?:401 Unauthorized|404 Not Found)/;

export const modelNotFound = lineRule(
  {
    id: 'model-not-found',
    check: 'D20',
    sees: '`Repository Not Found`, `not a valid model identifier`, or 401 or 404 from the hub',
    fixes: '`--model` with the right name; for a private model `export HF_TOKEN=hf_…`',
  },
  unknown,
  (_, situation) => {
    const { path } = situation.plan.model;
    const token = isSet(situation, 'HF_TOKEN');
    return {
      cause: token
        ? `the hub knows no model ${path}, or the token in HF_TOKEN may not see it`
        : `the hub knows no model ${path}, or it is private, and there is no HF_TOKEN`,
      fix: `open https://huggingface.co/${path}, then: --model with the name as it stands there`,
    };
  },
);
