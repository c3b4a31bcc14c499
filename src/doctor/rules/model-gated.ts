/** The hub refuses a model to this user: its licence is not accepted, or no token or a wrong one is given. */
import { isSet, lineRule } from '../log-lines.ts';

/** huggingface_hub names the gate; the downloader in Dynamo (seen with 1.4.2) only the 403. */
const refused =
  /Cannot access gated repo for url (\S+)|Access to model (\S+) is restricted|Failed to fetch model '([^']+)' .*403 Forbidden/;

export const modelGated = lineRule(
  {
    id: 'model-gated',
    check: 'D20',
    sees: '`Cannot access gated repo`, `Access to model … is restricted`, or 403 from the hub',
    fixes: 'accept the licence on the page of the model, then `export HF_TOKEN=hf_…`',
  },
  refused,
  ({ line }, situation) => {
    const { path } = situation.plan.model;
    const token = isSet(situation, 'HF_TOKEN');
    const unsaid = line.includes('403 Forbidden');
    return {
      cause: unsaid
        ? `the hub refuses to give ${path} (403): its licence has not been accepted, or ${token ? 'the token in HF_TOKEN may not read it' : 'no HF_TOKEN says who you are'}`
        : token
          ? `the hub does not give ${path} to the owner of the token in HF_TOKEN: its licence has not been accepted`
          : `the hub gives ${path} only to users who accepted its licence, and no HF_TOKEN says who you are`,
      fix: `accept the licence at https://huggingface.co/${path}${token ? '' : ', then: export HF_TOKEN=hf_…'}`,
    };
  },
);
