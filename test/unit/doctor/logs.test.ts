/** Every rule with recorded logs: it matches its failure, and no healthy logs. */
import { expect, test } from 'vitest';
import { rules } from '../../../src/doctor/rule-table.ts';
import { logOf, opinionOn, planOf, type Told } from '../../support/diagnosis.ts';

interface Row {
  readonly log: string;
  readonly rule: string;
  readonly cause: RegExp;
  readonly fix: RegExp;
  readonly told?: Told;
}

const shared = (rule: string, cause: RegExp, fix: RegExp, ...logs: string[]): Row[] =>
  logs.map((log) => ({ log, rule, cause, fix }));

const rows: readonly Row[] = [
  ...shared('cudnn-check', /cuDNN/, /SGLANG_DISABLE_CUDNN_CHECK=1/, 'cudnn-check', 'cudnn-check-doc'),
  ...shared('driver-too-old', /driver is older .*supports CUDA 12\.2/, /nvidia-smi/, 'driver-too-old'),
  ...shared('driver-too-old', /do not belong to this driver/, /LD_LIBRARY_PATH/, 'driver-803'),
  ...shared('gpu-not-supported', /without code for this GPU/, /compute_cap/, 'gpu-not-supported'),
  ...shared('gpu-exclusive', /one process at a time/, /-c DEFAULT/, 'gpu-exclusive', 'gpu-exclusive-old'),
  ...shared('gpu-fault', /fault/, /--gpus/, 'gpu-fault'),
  ...shared('flash-attention-missing', /FlashAttention 3/, /triton_attn/, 'flash-attention-missing'),
  ...shared('head-size', /other than 64, 128/, /head_dim/, 'head-size'),
  ...shared('pool-leak', /lost count of 4 of the 20000/, /STRICT_MEM_CHECK/, 'pool-leak'),
  ...shared('kernel-failed', /misaligned address/, /CUDA_LAUNCH_BLOCKING=1/, 'kernel-failed'),
  ...shared(
    'gpu-memory-graphs',
    /CUDA graphs were captured/,
    /decode\.memory\.staticFraction/,
    'gpu-memory-graphs',
  ),
  ...shared(
    'gpu-memory-neighbour',
    /process 2810 uses 138\.6 of its 139\.8 GiB/,
    /doctor/,
    'gpu-memory-full',
  ),
  ...shared('gpu-memory-kv-cache', /more than 0\.011/, /staticFraction=0\.07/, 'gpu-memory-kv-cache'),
  ...shared(
    'gpu-memory-weights',
    /weights of acme\/model do not fit into the 23\.6 GiB/,
    /gpus=2/,
    'gpu-memory-weights',
  ),
  ...shared(
    'gpu-memory-requests',
    /78\.1 of 79\.1 GiB were this worker's own/,
    /staticFraction/,
    'gpu-memory-requests',
  ),
  ...shared('shm-too-small', /\/dev\/shm is full/, /--shm-size/, 'shm-too-small', 'shm-torch', 'shm-docker'),
  ...shared('disk-full', /disk is full/, /df -h/, 'disk-full', 'disk-full-hub'),
  ...shared('served-name', /served name tiny/, /servedModelName/, 'served-name'),
  ...shared(
    'model-gated',
    /licence/,
    /https:\/\/huggingface\.co\/acme\/model, then: export HF_TOKEN/,
    'model-gated',
    'model-gated-hub',
  ),
  ...shared('model-not-found', /has no model acme\/model/, /huggingface\.co\/acme\/model/, 'model-not-found'),
  ...shared('hub-offline', /not in the local cache/, /hf download acme\/model/, 'hub-offline'),
  ...shared('hub-unreachable', /could not be reached/, /HF_ENDPOINT/, 'hub-unreachable'),
  ...shared(
    'weights-torn',
    /incomplete or damaged/,
    /force-download acme\/model/,
    'weights-torn',
    'weights-torn-short',
  ),
  ...shared(
    'model-kind',
    /has no config\.json/,
    /dynamo up diffusion --model acme\/model/,
    'model-kind',
    'model-kind-doc',
  ),
  ...shared(
    'system-port-range',
    /DYN_SYSTEM_PORT is 40000, and must be at most 32767/,
    /unset/,
    'system-port-range',
  ),
  ...shared(
    'port-taken',
    /port 18999 is in use/,
    /stop/,
    'port-taken-http',
    'port-taken-status-1.1.1',
    'port-taken-status-1.6.1',
  ),
  ...shared('etcd-locked', /another etcd/, /pgrep -a etcd/, 'etcd-locked'),
  ...['etcd-full-1.1.1', 'etcd-full-1.6.1'].map((log): Row => ({
    log,
    rule: 'etcd-full',
    cause: /is full: it answers/,
    fix: /compact.*defrag.*alarm disarm/,
    told: { host: { etcdFull: true } },
  })),
  ...shared('etcd-full', /is full: it answers/, /alarm disarm/, 'etcd-full'),
  ...shared(
    'etcd-unreachable',
    /etcd does not answer/,
    /--discovery file/,
    'etcd-unreachable-1.1.1',
    'etcd-unreachable-1.6.1',
  ),
  ...shared(
    'nats-unreachable',
    /NATS does not answer/,
    /--events zmq/,
    'nats-unreachable-1.1.1',
    'nats-unreachable-1.6.1',
  ),
  ...shared('nixl-backend', /NIXL cannot use the memory/, /mooncake/, 'nixl-backend'),
  ...shared('nixl-backend', /needs 1\.18 or newer/, /LD_LIBRARY_PATH/, 'ucx-too-old'),
  ...shared('transfer-backend', /with fake/, /backend=nixl/, 'transfer-backend'),
  ...shared(
    'page-size-differs',
    /blocks of 16 tokens, but decode uses blocks of 32/,
    /decode\.pageSize=16/,
    'page-size-differs',
  ),
  ...shared(
    'block-size-mismatch',
    /settings|sizes/,
    /pageSize/,
    'block-size-mismatch-1.1.1',
    'block-size-mismatch-1.6.1',
  ),
  ...shared('response-host', /not 127\.0\.0\.1/, /DYN_TCP_RESPONSE_STREAM_HOST=lo/, 'response-host'),
  ...shared('nccl-timeout', /NCCL, ALLREDUCE/, /NCCL_P2P_DISABLE/, 'nccl-timeout'),
  ...shared('nccl-error', /NCCL could not connect/, /NCCL_DEBUG=WARN/, 'nccl-error'),
  ...shared(
    'unknown-flag',
    /does not support --bogus/,
    /--bogus/,
    'unknown-flag-frontend',
    'unknown-flag-sglang',
  ),
  ...shared('bad-flag-value', /--router-mode: invalid choice: 'zzz'/, /--router-mode/, 'bad-flag-value'),
  ...shared(
    'package-missing',
    /(sglang|uvloop|dynamo) is not installed/,
    /uv pip install/,
    'package-missing',
    'package-missing-uvloop',
    'package-missing-module',
  ),
  ...shared('prerelease-packages', /pre-release of tokenizers/, /tokenizers/, 'prerelease-packages'),
  ...shared(
    'libcuda-missing',
    /no NVIDIA driver/,
    /--gpus all/,
    'libcuda-missing',
    'libcuda-so',
    'no-driver-image',
  ),
  ...shared(
    'bootstrap-unreachable',
    /KV transfers|is transferred/,
    /./,
    'bootstrap-unreachable',
    'bootstrap-mocker',
  ),
  ...shared(
    'prefill-lost',
    /lost the connection to prefill at 127\.0\.0\.1:18961/,
    /logs prefill/,
    'prefill-lost',
  ),
  ...shared(
    'child-died',
    /scheduler_0 of decode \(pid 2698\) was ended by signal 9/,
    /logs decode/,
    'child-died',
  ),
  ...shared('child-died', /detokenizer of decode/, /logs decode/, 'detokenizer-died'),
];

for (const { log, rule, cause, fix, told } of rows) {
  test(`${log}: ${rule}`, () => {
    const { diagnosis } = opinionOn({ ...told, logs: { decode: log } });
    expect(diagnosis?.rule).toBe(rule);
    expect(diagnosis?.cause).toMatch(cause);
    expect(diagnosis?.cause).not.toMatch(/\.$|undefined|NaN/);
    expect(diagnosis?.fix).toMatch(fix);
    expect(diagnosis?.fix).not.toMatch(/undefined|NaN/);
    expect(diagnosis?.seenIn).toBe('decode');
    const lines = logOf(log).join('\n');
    for (const line of diagnosis?.evidence ?? []) {
      if (!line.startsWith('prefill: --host')) expect(lines).toContain(line);
    }
    expect(diagnosis?.evidence.length).toBeGreaterThan(0);
  });
}

test.each([
  [
    'package-missing',
    /^dynamo setup remove mocker-1\.6\.1 && dynamo setup --engine mocker --version 1\.6\.1$/,
  ],
  [
    'package-missing-uvloop',
    /^uv pip install --python \/h\/dynamo\/envs\/mocker-1\.6\.1\/bin\/python3 uvloop$/,
  ],
])('%s, in an environment of `dynamo setup`', (log, fix) => {
  const plan = planOf();
  const python = '/h/dynamo/envs/mocker-1.6.1/bin/python3';
  const processes = plan.processes.map((spec) => ({ ...spec, argv: [python, ...spec.argv.slice(1)] }));
  const { diagnosis } = opinionOn({ plan: { ...plan, processes }, logs: { decode: log } });
  expect(diagnosis?.cause).toMatch(/is not installed in \/h\/dynamo\/envs\/mocker-1\.6\.1$/);
  expect(diagnosis?.fix).toMatch(fix);
});

test('no rule matches logs of successful deployments', () => {
  const healthy = [
    'healthy-worker',
    'healthy-frontend',
    'healthy-router-worker',
    'healthy-prefill',
    'stopped-decode',
    'stopped-frontend',
    'healthy-embeddings',
    'ucx-warning',
    'gpu-memory-race-1',
  ];
  for (const log of healthy) {
    for (const process of ['frontend', 'prefill', 'decode']) {
      expect([log, opinionOn({ logs: { [process]: log } }).diagnosis]).toEqual([log, undefined]);
    }
  }
});

test('empty logs match nothing', () => {
  expect(opinionOn({})).toEqual({ diagnosis: undefined, asks: [] });
});

test('each recording matches only its rule and less specific ones', () => {
  const lessSpecific: Readonly<Record<string, readonly string[]>> = {
    'gpu-memory-graphs': ['gpu-memory-neighbour', 'gpu-memory-requests'],
    'gpu-memory-neighbour': ['gpu-memory-weights', 'gpu-memory-requests'],
    'gpu-memory-weights': ['gpu-memory-requests'],
    'shm-too-small': ['disk-full'],
    'served-name': ['hub-offline'],
    'etcd-full': ['etcd-unreachable'],
  };
  const plan = planOf();
  const decode = plan.processes.find(({ name }) => name === 'decode');
  if (decode === undefined) throw new Error('no decode');
  for (const { log, rule } of rows) {
    const subject = { spec: decode, lines: logOf(log), variables: new Set<string>() };
    const failure = { code: 'process-failed', message: 'x', process: 'decode' } as const;
    const others = rules
      .filter(({ kind, id }) => kind === 'cause' && id !== rule)
      .filter(
        (each) => each.find({ failure, subject, others: [], plan, serving: plan, host: {} }) !== undefined,
      )
      .map(({ id }) => id)
      .filter((id) => lessSpecific[rule]?.includes(id) !== true);
    expect([log, others]).toEqual([log, []]);
  }
});

/** Tested in test/unit/doctor/situations.test.ts, as they need more than a log. */
const bySituation = [
  'namespace-mismatch',
  'discovery-mismatch',
  'killed-by-kernel',
  'log-disk-full',
  'file-size-limit',
  'empty-handover',
  'ended-itself',
  'dead-on-first-request',
  'killed-from-outside',
  'stands-still',
  'still-loading',
  'load-stalled',
];

test('every rule fires for some recording', () => {
  const shown = new Set([...rows.map(({ rule }) => rule), ...bySituation]);
  expect(rules.map(({ id }) => id).filter((id) => !shown.has(id))).toEqual([]);
  expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
});
