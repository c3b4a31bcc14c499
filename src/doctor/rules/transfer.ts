/** The transfer of the KV cache from prefill to decode, and the block sizes on which workers must agree. */
import { lastLine, lineRule, seen } from '../log-lines.ts';
import { valueOf } from '../planned.ts';
import type { Finding, ObservedProcess, Rule } from '../rule.ts';

/** Source: docs/upstream/sglang-on-cpu.md#transfer. */
const nixlFailed = /NIXL_ERR_BACKEND|nixlBackendError/;
const nixlMissing = /NIXL is not available|Please install NIXL|No module named 'nixl/;
/**
 * Two UCX versions are mixed. This is a warning, after which transfers usually work: on its own it is not a cause.
 * Source: ai-dynamo/nixl#386; sgl-project/sglang#5709.
 */
const oldUcx = /UCP (?:API )?version is incompatible[:,] required:? (?:>= )?([\d.]+)/;

/** NIXL cannot transfer the KV cache: it is missing, its UCX does not match, or there is no GPU. */
export const nixlBackend: Rule = {
  id: 'nixl-backend',
  check: 'D27',
  kind: 'cause',
  sees: '`NIXL_ERR_BACKEND` (and `UCP API version is incompatible` before it), `NIXL is not available`',
  fixes: 'a UCX that matches the wheel (`LD_LIBRARY_PATH`), `pip install nixl`, or another transfer backend',
  find: ({ subject }) => {
    if (subject === undefined) return undefined;
    const absent = lastLine(subject.lines, nixlMissing);
    if (absent !== undefined) {
      const cause = 'NIXL is not installed in this Python environment';
      return { cause, fix: 'pip install nixl', evidence: [absent.line] };
    }
    const error = lastLine(subject.lines, nixlFailed);
    if (error === undefined) return undefined;
    const ucx = lastLine(subject.lines, oldUcx);
    if (ucx !== undefined) {
      return {
        cause: `an old UCX of the system hides the one in NIXL's wheel, which needs ${ucx.groups[0]} or newer`,
        fix: 'unset LD_LIBRARY_PATH   # or: apt remove libucx0',
        evidence: [ucx.line, error.line],
      };
    }
    return {
      cause: 'NIXL cannot use the memory of this worker: it needs a GPU and a UCX with CUDA',
      fix: `--set components.${subject.spec.component}.transfer.backend=mooncake   # or: dynamo doctor --only D27`,
      evidence: [error.line],
    };
  },
};

/** This role does not support the selected transfer backend. */
export const transferBackend = lineRule(
  {
    id: 'transfer-backend',
    check: 'D27',
    sees: "`Prefill server does not support 'fake' as the transfer backend`",
    fixes: '`--set components.X.transfer.backend=nixl`',
  },
  /does not support '([^']+)' as the transfer backend/,
  ({ groups }, { subject }) => ({
    cause: `${subject?.spec.mode ?? 'this'} workers cannot transfer the KV cache with ${groups[0]}`,
    fix: `--set components.${subject?.spec.component ?? 'prefill'}.transfer.backend=nixl`,
  }),
);

/**
 * Prefill and decode use KV blocks of different sizes, so they cannot transfer a cache.
 * Source: sglang 0.5.16, srt/disaggregation/common/conn.py.
 */
export const pageSizeDiffers = lineRule(
  {
    id: 'page-size-differs',
    check: 'D12',
    sees: '`Page size mismatch: prefill server has page_size=…`',
    fixes: 'the same `pageSize` for prefill and decode',
  },
  /Page size mismatch: prefill server has page_size=(\d+),.*?(\d+)/,
  ({ groups }, { subject }) => ({
    cause: `prefill sends KV blocks of ${groups[0]} tokens, but ${subject?.spec.name ?? 'decode'} uses blocks of ${groups[1]}`,
    fix: `--set components.${subject?.spec.component ?? 'decode'}.pageSize=${groups[0]}`,
  }),
);

/** Messages of the frontend in 1.1.1 and 1.6.1. Source: docs/upstream/frontend.md#workers-that-do-not-match. */
const workerRejected =
  /Checksum for new worker does not match existing WorkerSet's checksum|Rejected incompatible workers/;

/** Two workers of one model and component have different model cards, usually different KV block sizes. */
export const blockSizeMismatch: Rule = {
  id: 'block-size-mismatch',
  check: 'D12',
  kind: 'cause',
  sees: '`Checksum for new worker does not match`, `Rejected incompatible workers`',
  fixes: 'the same `pageSize` and model settings for all workers of a component',
  find: (situation) => {
    const found = seen(situation, workerRejected);
    if (found === undefined) return undefined;
    const sizes = [situation.subject, ...situation.others].flatMap(blockSize);
    const differ = new Set(sizes.map(({ size }) => size)).size > 1;
    const shown = sizes.map(({ name, size }) => `${name}: ${size}`).join(', ');
    return {
      cause: differ
        ? `workers of one model use KV blocks of different sizes (${shown}), and the frontend takes only those like the first`
        : 'workers of one model have different settings, and the frontend accepts only those that match the first',
      evidence: [found.line],
      fix: '--set components.X.pageSize=16   # the same for every worker of the model',
    };
  },
};

function blockSize(process: ObservedProcess | undefined): { name: string; size: string }[] {
  const argv = process?.spec.argv ?? [];
  const size = valueOf(argv, '--page-size') ?? valueOf(argv, '--block-size');
  return process === undefined || size === undefined ? [] : [{ name: process.spec.name, size }];
}

/**
 * Messages of SGLang 0.5.16 and of the mocker.
 * Source: docs/upstream/sglang-on-cpu.md#transfer, docs/upstream/mocker.md#hand-over.
 */
const noBootstrap =
  /Error fetching prefill server info from bootstrap|Could not fetch prefill parallel info from|Bootstrap connection failed|Some requests timed out when bootstrapping/;

/** The decode worker cannot reach the bootstrap server of the prefill worker, so every answer is empty. */
export const bootstrapUnreachable: Rule = {
  id: 'bootstrap-unreachable',
  check: 'D05',
  kind: 'consequence',
  sees: '`Error fetching prefill server info from bootstrap`, or empty answers with HTTP 200',
  fixes: 'set `SGLANG_HOST_IP` and `--host` of prefill to the same address',
  find: (situation) => {
    const { subject } = situation;
    const found = subject === undefined ? undefined : lastLine(subject.lines, noBootstrap);
    if (subject === undefined || found === undefined) return undefined;
    const prefill = [subject, ...situation.others].find(({ spec }) => spec.mode === 'prefill');
    return addressMismatch(prefill, found.line) ?? { ...notReached(prefill), evidence: [found.line] };
  },
};

/** It advertises one address but listens on another; no log mentions it. */
function addressMismatch(prefill: ObservedProcess | undefined, line: string): Finding | undefined {
  if (prefill === undefined) return undefined;
  const { argv, env, component, name } = prefill.spec;
  const [host, advertised] = [valueOf(argv, '--host') ?? '127.0.0.1', env.SGLANG_HOST_IP];
  if (host === '0.0.0.0' || host === advertised) return undefined;
  const evidence = [line, `${name}: --host ${host}, SGLANG_HOST_IP ${advertised ?? 'not set'}`];
  return {
    cause: `${name} listens for KV transfers on ${host}, but tells decode to connect to ${advertised ?? "the machine's address"}`,
    evidence,
    fix: `--set components.${component}.env.SGLANG_HOST_IP=${host}`,
  };
}

function notReached(prefill: ObservedProcess | undefined): Pick<Finding, 'cause' | 'fix'> {
  const port = prefill?.spec.ports.bootstrap;
  return {
    cause: `decode could not reach the bootstrap server of ${prefill?.spec.name ?? 'prefill'}${port === undefined ? '' : ` on port ${port}`}, so no KV cache is transferred`,
    fix: `dynamo logs ${prefill?.spec.name ?? 'prefill'}   # shows whether it listens; across hosts: --host 0.0.0.0 and an open port`,
  };
}

/**
 * An answer without tokens from separate prefill and decode workers: the KV cache was not transferred. Status, /health and
 * /v1/models still look fine.
 * Source: docs/upstream/sglang-on-cpu.md#transfer.
 */
export const emptyHandover: Rule = {
  id: 'empty-handover',
  check: 'D05',
  kind: 'consequence',
  sees: 'HTTP 200 with `completion_tokens` 0 where prefill and decode are separate',
  fixes: 'set `SGLANG_HOST_IP` and `--host` of prefill to the same address; `dynamo logs prefill`',
  find: ({ failure, plan }) => {
    const prefill = plan.processes.find(({ mode }) => mode === 'prefill');
    if (prefill === undefined || failure.fields?.completionTokens !== 0) {
      return undefined;
    }
    return {
      cause: 'the answer has no tokens: prefill did not transfer the KV cache to decode',
      evidence: [failure.message],
      fix: `dynamo logs ${prefill.name}   # decode must reach its bootstrap port ${prefill.ports.bootstrap ?? ''}`.trimEnd(),
      fromOutside: true,
    };
  },
};

/** Decode lost its prefill worker. */
export const prefillLost = lineRule(
  {
    id: 'prefill-lost',
    check: 'D05',
    kind: 'consequence',
    sees: '`Lost connection with prefill instance`',
    fixes: '`dynamo logs prefill`',
  },
  /Lost connection with prefill instance \(bootstrap_addr: ([^)]+)\)/,
  ({ groups }, { others }) => {
    const prefill = others.find(({ spec }) => spec.mode === 'prefill')?.spec.name ?? 'prefill';
    return {
      cause: `decode lost the connection to ${prefill} at ${groups[0]}`,
      fix: `dynamo logs ${prefill} --tail 100`,
    };
  },
);
