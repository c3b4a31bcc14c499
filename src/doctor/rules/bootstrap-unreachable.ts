/** The decode worker does not reach the bootstrap server of the prefill worker: every answer is empty then. */
import { flagValue, lastLine } from '../log-lines.ts';
import type { Finding, ObservedProcess, Rule } from '../rule.ts';

/**
 * SGLang's words (0.5.16) and the mocker's.
 * Source: docs/upstream/sglang-on-cpu.md#transfer, docs/upstream/mocker.md#hand-over.
 */
const unreachable =
  /Error fetching prefill server info from bootstrap|Could not fetch prefill parallel info from|Bootstrap connection failed|Some requests timed out when bootstrapping/;

export const bootstrapUnreachable: Rule = {
  id: 'bootstrap-unreachable',
  check: 'D05',
  kind: 'consequence',
  sees: '`Error fetching prefill server info from bootstrap`, or empty answers with HTTP 200',
  fixes: '`SGLANG_HOST_IP` and `--host` of prefill naming the same address',
  find: (situation) => {
    const { subject } = situation;
    const found = subject === undefined ? undefined : lastLine(subject.lines, unreachable);
    if (subject === undefined || found === undefined) return undefined;
    const prefill = [subject, ...situation.others].find(({ spec }) => spec.mode === 'prefill');
    return mismatch(prefill, found.line) ?? { ...general(prefill), evidence: [found.line] };
  },
};

/** It advertises one address and listens on another: nothing else in any log says so. */
function mismatch(prefill: ObservedProcess | undefined, line: string): Finding | undefined {
  if (prefill === undefined) return undefined;
  const { argv, env, component, name } = prefill.spec;
  const [host, advertised] = [flagValue(argv, '--host') ?? '127.0.0.1', env.SGLANG_HOST_IP];
  if (host === '0.0.0.0' || host === advertised) return undefined;
  const evidence = [line, `${name}: --host ${host}, SGLANG_HOST_IP ${advertised ?? 'not set'}`];
  return {
    cause: `${name} listens for the hand-over on ${host} but tells decode to come to ${advertised ?? "the machine's address"}`,
    evidence,
    fix: `--set components.${component}.env.SGLANG_HOST_IP=${host}`,
  };
}

function general(prefill: ObservedProcess | undefined): Pick<Finding, 'cause' | 'fix'> {
  const port = prefill?.spec.ports.bootstrap;
  return {
    cause: `decode could not reach the bootstrap server of ${prefill?.spec.name ?? 'prefill'}${port === undefined ? '' : ` on port ${port}`}, so no KV cache is handed over`,
    fix: `dynamo logs ${prefill?.spec.name ?? 'prefill'}   # whether it listens; between hosts: --host 0.0.0.0 and an open port`,
  };
}
