/** Rules that need more than one log: the host, the exit of the process, the plan, other logs of the run. */
import { expect, test } from 'vitest';
import type { ServingPlan } from '../../../src/plan/plan.ts';
import { opinionOn, planOf, type Told, withProcess } from '../../support/diagnosis.ts';

const ruleOf = (told: Told): string | undefined => opinionOn(told).diagnosis?.rule;
const killed: Told['failure'] = { exit: { code: undefined, signal: 'SIGKILL' } };
const late: Told['failure'] = { code: 'not-ready', message: 'decode was not ready', lastSeen: 'HTTP 503' };

const killsOf = (cgroup: number | undefined, everywhere: number): Told['host'] => ({
  kernelKills: { cgroup, host: everywhere },
});

const shmOf = (freeBytes: number): Told['host'] => ({ shm: { freeBytes, totalBytes: 67_108_864 } });

const mockerOf = (size: string): string[] => ['python', '-m', 'dynamo.mocker', '--block-size', size];

test('a full GPU: the rule asks who uses it and describes them', () => {
  const told: Told = { logs: { decode: 'gpu-memory-full' }, failure: killed };
  expect(opinionOn(told).asks).toEqual([{ about: 'gpu-holders' }]);
  const holder = { pid: 2810, usedMiB: 141_926, gpu: ['0'], what: 'python3 train.py, of alice, for 3h' };
  const unowned = opinionOn({ ...told, host: { gpuHolders: [holder] } });
  expect(unowned.asks).toEqual([]);
  expect(unowned.diagnosis?.cause).toContain('process 2810 (python3 train.py, of alice, for 3h) uses 138.6');
  const ours = opinionOn({ ...told, host: { gpuHolders: [{ ...holder, run: 'agg-ab12' }] } });
  expect(ours.diagnosis?.fix).toBe('dynamo down agg-ab12');
});

test('a log that could not be written: the disk is named, unless the log says more', () => {
  const unwritable = { code: 'ENOSPC', folder: '/state/runs/x', freeBytes: 2048 };
  const { diagnosis } = opinionOn({ host: { unwritable } });
  expect(diagnosis).toMatchObject({
    rule: 'log-disk-full',
    cause: 'the disk is full at /state/runs/x, so decode could not write its log',
  });
  expect(diagnosis?.evidence).toEqual(['a write into /state/runs/x: ENOSPC, 2 KiB free']);
  expect(ruleOf({ logs: { decode: 'driver-too-old' }, host: { unwritable } })).toBe('driver-too-old');
  expect(ruleOf({ host: { unwritable: { ...unwritable, code: 'EACCES' } } })).toBeUndefined();
});

test('a file size limit: by signal, by log line, by the size of the log', () => {
  expect(ruleOf({ failure: { exit: { code: undefined, signal: 'SIGXFSZ' } } })).toBe('file-size-limit');
  const host = { fileLimit: { bytes: 65_536, reachedBy: new Set(['decode']) } };
  expect(opinionOn({ host }).diagnosis?.cause).toBe(
    'a file of decode has reached the file size limit (ulimit -f, 64 KiB here)',
  );
  const others = { fileLimit: { bytes: 65_536, reachedBy: new Set(['prefill']) } };
  expect(ruleOf({ host: others })).toBeUndefined();
});

test('two workers loading on one GPU: names the other worker instead of the advice of SGLang', () => {
  const share = { gpus: ['0'] };
  const plan = planOf((each) => withProcess('prefill', share)(withProcess('decode', share)(each)));
  const { diagnosis } = opinionOn({
    plan,
    logs: { decode: 'gpu-memory-race-0', prefill: 'gpu-memory-race-1' },
    failure: killed,
  });
  expect(diagnosis?.rule).toBe('gpu-memory-neighbour');
  expect(diagnosis?.cause).toMatch(/^prefill loaded on GPU 0 .* 1\.49 GB there .* 125\.98 GB here/);
  expect(diagnosis?.fix).not.toContain('0.911');
});

test('no memory for the KV cache: an unowned process on the same GPU is named, one on another is not', () => {
  const plan = planOf(withProcess('decode', { gpus: ['GPU-aaa'] }));
  const told: Told = { plan, logs: { decode: 'gpu-memory-kv-cache' }, failure: killed };
  const holder = { pid: 77, usedMiB: 60_000, gpu: ['GPU-aaa', '0'], what: 'python3, of bob' };
  expect(opinionOn(told).asks).toEqual([{ about: 'gpu-holders' }]);
  expect(opinionOn({ ...told, host: { gpuHolders: [holder] } }).diagnosis?.cause).toContain('process 77');
  const elsewhere = { ...holder, gpu: ['GPU-bbb', '1'] };
  expect(ruleOf({ ...told, host: { gpuHolders: [elsewhere] } })).toBe('gpu-memory-kv-cache');
  expect(ruleOf({ ...told, host: { gpuHolders: [{ ...holder, run: plan.runId }] } })).toBe(
    'gpu-memory-kv-cache',
  );
});

test('a port in use is named with its process, if known', () => {
  const told: Told = { logs: { decode: 'port-taken-status-1.6.1' } };
  expect(opinionOn(told).asks).toEqual([{ about: 'port-holder', port: 18_999 }]);
  const known = new Map([[18_999, 'pid 912 (node server.js)']]);
  const plan = planOf(withProcess('decode', { ports: { system: 18_999 } }));
  expect(opinionOn({ ...told, plan, host: { portHolders: known } }).diagnosis?.cause).toBe(
    'the system port 18999 is in use by pid 912 (node server.js)',
  );
  const gone = opinionOn({ ...told, host: { portHolders: new Map([[18_999, undefined]]) } });
  expect(gone.diagnosis?.cause).toContain('though no process listens there any more');
  expect(gone.asks).toEqual([]);
});

test('an image worker chooses its ports itself, and another run may be faster', () => {
  const plan = planOf(withProcess('decode', { loadsInTurn: 'sgl_diffusion' }));
  const known = new Map([[30_005, 'pid 1504 (sgl_diffusion::scheduler)']]);
  const told: Told = { plan, logs: { decode: 'port-taken-rank-store' }, host: { portHolders: known } };
  const { diagnosis } = opinionOn(told);
  expect(diagnosis?.cause).toBe('port 30005 is in use by pid 1504 (sgl_diffusion::scheduler)');
  expect(diagnosis?.fix).toBe(
    'start again: SGLang chose this port while it was free, and will choose another',
  );
});

test('after a lost etcd, checks if it is full; the fix depends on whose it is', () => {
  const told: Told = { logs: { decode: 'etcd-full-1.1.1' } };
  expect(opinionOn(told).asks).toEqual([{ about: 'etcd-full' }]);
  expect(ruleOf({ ...told, host: { etcdFull: false } })).toBe('etcd-unreachable');
  const use = { addresses: ['http://a:1'], version: '3.4.23' };
  const fixOf = (infra: ServingPlan['infra']) =>
    opinionOn({ ...told, plan: planOf((plan) => ({ ...plan, infra })), host: { etcdFull: true } }).diagnosis
      ?.fix;
  const own = { ...use, from: 'process' as const, path: '/etcd' };
  const folder = { path: '/state/infra/mine/etcd', kept: false };
  expect(fixOf({ etcd: own, folders: [folder], files: [] })).toBe('dynamo up disagg');
  expect(fixOf({ etcd: own, folders: [{ ...folder, kept: true }], files: [] })).toMatch(
    /^rm -r \/state\/infra\/mine\/etcd && /,
  );
  const shared = { ...use, from: 'shared' as const, runId: 'infra-abcd' };
  expect(fixOf({ etcd: shared, folders: [], files: [] })).toBe('dynamo infra down && dynamo infra up');
});

test('SIGKILL is attributed to the kernel only if its counters say so', () => {
  const told: Told = { failure: killed };
  expect(ruleOf({ ...told, host: killsOf(1, 1) })).toBe('killed-by-kernel');
  expect(ruleOf({ ...told, host: killsOf(undefined, 1) })).toBe('killed-by-kernel');
  // Another container of the host lost a process in the meantime.
  expect(ruleOf({ ...told, host: killsOf(0, 1) })).toBe('killed-from-outside');
  expect(ruleOf({ ...told, host: killsOf(undefined, 0) })).toBeUndefined();
  expect(ruleOf({ ...told, host: {} })).toBeUndefined();
  // It exited by itself: the counters are about another process.
  expect(ruleOf({ failure: {}, host: killsOf(1, 1) })).toBeUndefined();
});

test('a SIGKILL by SGLang itself is reported as such, unless the kernel killed its scheduler', () => {
  const host: Told['host'] = { kernelKills: { cgroup: 1, host: 1 } };
  const ended = opinionOn({
    logs: { decode: 'child-died' },
    failure: { exit: { code: 137, signal: undefined } },
    host: { kernelKills: { cgroup: 0, host: 0 } },
  });
  expect(ended.diagnosis?.rule).toBe('child-died');
  expect(ended.diagnosis?.cause).toContain("not by the kernel's OOM killer");
  expect(ruleOf({ logs: { decode: 'child-died' }, failure: killed, host })).toBe('killed-by-kernel');
  // A recorded failed load without the reason: only its exit is left.
  const plan = planOf();
  const own = opinionOn({ plan, logs: { decode: 'own-tree' }, failure: killed, host });
  expect(own.diagnosis?.rule).toBe('ended-itself');
});

test('a scheduler that is gone before the engine notices: killed by the kernel, or exited', () => {
  const failure: Told['failure'] = {
    message: 'in whatever words',
    fields: { lostChild: { name: 'sglang::scheduler', pid: 77 } },
    exit: undefined as never,
  };
  expect(ruleOf({ failure, host: { kernelKills: { cgroup: 1, host: 1 } } })).toBe('killed-by-kernel');
  const ended = opinionOn({ failure, host: { kernelKills: { cgroup: 0, host: 0 } } }).diagnosis;
  expect(ended?.cause).toMatch(
    /^sglang::scheduler of decode \(pid 77\) ended, not by the kernel's OOM killer/,
  );
  expect(ruleOf({ failure, logs: { decode: 'gpu-memory-full' } })).toBe('gpu-memory-neighbour');
});

const failed = (fields: object) =>
  opinionOn({ failure: { message: 'in whatever words', fields, exit: undefined as never } }).diagnosis;

test('a worker that stands still: which part of it does not run', () => {
  const standstill = { inFlight: 3, quietMs: 24_300, askedMs: 15_000 };
  const part = { name: 'sglang::scheduler', pid: 77, how: 'suspended' } as const;
  expect(failed({ standstill })).toMatchObject({
    rule: 'stands-still',
    cause: 'decode stands still: its engine hangs, although its health checks are answered',
    evidence: ['3 requests in flight, no sign of work for 24 s, no answer to a request of ours within 15 s'],
  });
  expect(failed({ standstill: { ...standstill, part } })?.cause).toBe(
    'decode stands still: its sglang::scheduler (pid 77) was suspended by a signal or a debugger',
  );
  expect(failed({})).toBeUndefined();
});

test('/dev/shm: SIGBUS alone proves nothing, SIGBUS with a full one does', () => {
  const failure: Told['failure'] = { exit: { code: undefined, signal: 'SIGBUS' } };
  expect(ruleOf({ failure })).toBeUndefined();
  expect(ruleOf({ failure, host: shmOf(60_000_000) })).toBeUndefined();
  expect(ruleOf({ failure, host: shmOf(4_096) })).toBe('shm-too-small');
  expect(ruleOf({ host: shmOf(4_096) })).toBeUndefined();
});

test('a decode worker that exits because of prefill: the log of prefill says why', () => {
  const { diagnosis } = opinionOn({ logs: { decode: 'prefill-lost', prefill: 'gpu-memory-full' } });
  expect(diagnosis).toMatchObject({ rule: 'gpu-memory-neighbour', seenIn: 'prefill' });
  expect(diagnosis?.cause).toMatch(/^prefill: /);
});

test('an address that prefill advertises but does not listen on is named', () => {
  const argv = ['python', '-m', 'dynamo.sglang', '--host', '127.0.0.1'];
  const logs = { decode: 'bootstrap-unreachable' };
  const apart = opinionOn({ logs, plan: planOf(withProcess('prefill', { argv, env: {} })) });
  expect(apart.diagnosis?.cause).toContain(
    "on 127.0.0.1, but tells decode to connect to the machine's address",
  );
  const env = { SGLANG_HOST_IP: '127.0.0.1' };
  const agreed = opinionOn({ logs, plan: planOf(withProcess('prefill', { argv, env })) });
  expect(agreed.diagnosis?.rule).toBe('bootstrap-unreachable');
  expect(agreed.diagnosis?.cause).toContain('could not reach the bootstrap server of prefill');
});

test('an empty answer is a failed transfer only if prefill and decode are separate', () => {
  const failure: Told['failure'] = {
    code: 'not-ready',
    process: undefined as never,
    message: 'in whatever words',
    fields: { completionTokens: 0 },
  };
  expect(ruleOf({ failure })).toBe('empty-handover');
  const alone = planOf((plan) => ({
    ...plan,
    processes: plan.processes.map((spec) => ({ ...spec, mode: undefined })),
  }));
  expect(ruleOf({ failure, plan: alone })).toBeUndefined();
});

test('block sizes in the plan are compared', () => {
  const plan = planOf((each) =>
    withProcess('prefill', { argv: mockerOf('16') })(withProcess('decode', { argv: mockerOf('32') })(each)),
  );
  const { diagnosis } = opinionOn({ plan, failure: late, logs: { frontend: 'block-size-mismatch-1.6.1' } });
  expect(diagnosis?.cause).toContain('different sizes (prefill: 16, decode: 32)');
  expect(diagnosis?.seenIn).toBe('frontend');
});

const knowsNone = [{ place: 'dynamo.backend.generate', known: 0, planned: 1 }];

test('workers in another namespace are found in /health, as no log shows them', () => {
  const failure = {
    ...late,
    lastSeen: 'whatever words',
    fields: { missing: knowsNone, unexpected: ['bbb.backend.generate'] },
  };
  const { diagnosis } = opinionOn({ failure });
  expect(diagnosis?.rule).toBe('namespace-mismatch');
  expect(diagnosis?.cause).toContain('bbb.backend.generate');
  expect(diagnosis?.seenIn).toBeUndefined();
});

test('different discovery settings in the plan are reported; equal ones are not', () => {
  const failure = { ...late, fields: { missing: knowsNone, unexpected: [] } };
  expect(ruleOf({ failure })).toBeUndefined();
  const env = { DYN_DISCOVERY_BACKEND: 'file', DYN_FILE_KV: '/elsewhere' };
  const apart = opinionOn({ failure, plan: planOf(withProcess('decode', { env })) });
  expect(apart.diagnosis?.rule).toBe('discovery-mismatch');
  expect(apart.diagnosis?.evidence).toContain('decode: file /elsewhere');
  expect(ruleOf({ failure: late, plan: planOf(withProcess('decode', { env })) })).toBeUndefined();
});

test('dead on the first request: only while the deployment was being proven', () => {
  expect(ruleOf({ failure: { duringProof: true } })).toBe('dead-on-first-request');
  expect(ruleOf({ failure: {} })).toBeUndefined();
  // A cause in the log takes precedence.
  expect(ruleOf({ failure: { duringProof: true }, logs: { decode: 'libcuda-missing' } })).toBe(
    'libcuda-missing',
  );
});

test('time-out: still downloading or stuck, depending on the last progress', () => {
  const progress = {
    doing: 'downloading',
    what: 'model.safetensors',
    percent: 52,
    doneBytes: 2.59e9,
  } as const;
  const seen = (progressAgoMs: number): Told => ({ failure: { ...late, progress, progressAgoMs } });
  const moving = opinionOn(seen(1_000)).diagnosis;
  expect(moving?.rule).toBe('still-loading');
  expect(moving?.cause).toContain('model.safetensors 52% (2.6 GB)');
  expect(moving?.fix).toContain('hf download acme/model');
  expect(opinionOn(seen(600_000)).diagnosis?.cause).toMatch(
    /made no progress for 600 s after model\.safetensors/,
  );
  expect(ruleOf({ failure: late })).toBeUndefined();
});

test('variables that users set change the advice', () => {
  const gated = opinionOn({ logs: { decode: 'model-gated-hub' }, variables: ['HF_TOKEN'] }).diagnosis;
  expect(gated?.cause).toContain('for the token in HF_TOKEN');
  const offline = opinionOn({ logs: { decode: 'hub-offline' }, variables: ['HF_HUB_OFFLINE'] }).diagnosis;
  expect(offline?.fix).toContain('unset HF_HUB_OFFLINE');
});
