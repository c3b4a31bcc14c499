/** The hub could not be reached over the network. */
import { lineRule } from '../log-lines.ts';

const unreachable =
  /Failed to fetch model '[^']+' .*error sending request for url|We couldn't connect to '(\S+)' to load|(?:Max retries exceeded|Name or service not known|Temporary failure in name resolution).*huggingface|huggingface.*(?:Max retries exceeded|Name or service not known|Temporary failure in name resolution)/;

export const hubUnreachable = lineRule(
  {
    id: 'hub-unreachable',
    check: 'D20',
    sees: "`error sending request for url (https://huggingface.co…)`, `We couldn't connect to`",
    fixes: 'the network or proxy, `HF_ENDPOINT` for a mirror, or a local folder as `--model`',
  },
  unreachable,
  (_, { plan }) => ({
    cause: `the hub could not be reached to download ${plan.model.path}`,
    fix: `curl -sI "\${HF_ENDPOINT:-https://huggingface.co}/${plan.model.path}"   # shows why; a mirror: export HF_ENDPOINT=https://…`,
  }),
);
