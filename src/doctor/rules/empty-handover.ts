/** An answer without tokens from separate prefill and decode workers: the KV cache was not handed over. */
import type { Rule } from '../rule.ts';

/** Status, /health and /v1/models look perfect meanwhile. Source: docs/upstream/sglang-on-cpu.md#transfer. */
export const emptyHandover: Rule = {
  id: 'empty-handover',
  check: 'D05',
  kind: 'consequence',
  sees: 'HTTP 200 with `completion_tokens` 0 where prefill and decode are separate',
  fixes: '`SGLANG_HOST_IP` and `--host` of prefill naming the same address; `dynamo logs prefill`',
  find: ({ failure, plan }) => {
    const prefill = plan.processes.find(({ mode }) => mode === 'prefill');
    if (prefill === undefined || !/HTTP 200 without an answer \(completion_tokens 0/.test(failure.message)) {
      return undefined;
    }
    return {
      cause: 'the answer has no tokens: prefill and decode did not hand over the KV cache',
      evidence: [failure.message],
      fix: `dynamo logs ${prefill.name}   # decode must reach its bootstrap port ${prefill.ports.bootstrap ?? ''}`.trimEnd(),
      fromOutside: true,
    };
  },
};
