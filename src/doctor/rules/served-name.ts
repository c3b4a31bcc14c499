/** Dynamo 1.1.1 looks for the tokenizer under the served name, so a name that is no model is never listed. */
import { lineRule } from '../log-lines.ts';

/** Said by the frontend; worker and /health look fine. Source: docs/upstream/mocker.md#models. */
export const servedName = lineRule(
  {
    id: 'served-name',
    check: 'D22',
    sees: "`Error adding model from discovery … Model snapshots for 'NAME' not found in cache` in the frontend's log",
    fixes: 'leave the served name out, or Dynamo 1.4 or newer',
  },
  /Error adding model from discovery model_name="([^"]+)".*Model snapshots for '([^']+)' not found in cache/,
  ({ groups }) => ({
    cause: `the frontend looks for the tokenizer of the model under its served name ${groups[1]}, where there is none, so it never lists it`,
    fix: '--set servedModelName=null   # the model is served under its own name then; or ai-dynamo 1.4 or newer',
  }),
);
