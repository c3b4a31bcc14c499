/** From recorded answers of AIConfigurator to a command and a profile. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import {
  type Candidate,
  candidatesIn,
  configuratorVersionIn,
  flagsVersionIn,
  modes,
} from '../../../src/advise/answer.ts';
import { choose, tokensPerSecond } from '../../../src/advise/choose.ts';
import { lacksOf, profileYaml, upCommand } from '../../../src/advise/deployment.ts';
import { comparisonWords, gpuTypeOf, type Question } from '../../../src/advise/question.ts';
import { refusal } from '../../../src/advise/refusal.ts';
import { recorded } from '../../support/fake-configurator.ts';

const question: Question = {
  model: 'Qwen/Qwen3-32B',
  modelPath: 'Qwen/Qwen3-32B',
  gpu: 'h200_sxm',
  size: { kind: 'gpus', gpus: 8 },
  inputTokens: 4000,
  outputTokens: 500,
  ttftMs: 1000,
  itlMs: 20,
};
const source = { version: '0.12.0', flagsVersion: '0.5.16' };

const read = (...path: string[]): string => readFileSync(join(recorded, ...path), 'utf8');

function answerOf(name: string, size = question.size): Candidate[] {
  return modes.flatMap((mode) => {
    const script = (i: number): string => join(recorded, name, mode, `top${i}`, 'run_0.sh');
    const scripts = [1, 2, 3, 4, 5]
      .filter((i) => existsSync(script(i)))
      .map((i) => readFileSync(script(i), 'utf8'));
    return candidatesIn({ mode, table: read(name, mode, 'best_config_topn.csv'), scripts }, size);
  });
}

test('8 × H200: agg is 1.12 times better, as AIConfigurator itself says', () => {
  const { contenders, passedOver, without } = choose(answerOf('qwen3-32b-8xh200'), question);
  expect(contenders.map(({ candidate, meets }) => [candidate.mode, candidate.gpus, meets])).toEqual([
    ['agg', 8, true],
    ['disagg', 8, true],
  ]);
  const [agg, disagg] = contenders.map(({ candidate }) => tokensPerSecond(candidate));
  expect((agg ?? 0) / (disagg ?? 1)).toBeCloseTo(1.12, 2);
  expect(contenders[0].candidate.figures).toEqual({
    tokensPerSecondPerGpu: 501.191,
    tokensPerSecondPerUser: 52.028,
    ttftMs: 518.152,
    itlMs: 19.22,
    requestMs: 10109.119,
    requestsPerSecond: 8.036,
    concurrency: 80,
  });
  expect([passedOver, without]).toEqual([[], []]);
});

test('the winner and the other one as commands', () => {
  const { contenders } = choose(answerOf('qwen3-32b-8xh200'), question);
  expect(contenders.map(({ deployment }) => upCommand(deployment, question))).toEqual([
    "dynamo up agg --model Qwen/Qwen3-32B --replicas worker=2 --set components.worker.gpus=4 --set components.worker.gpuMemoryGiB=126 --set components.worker.memory.maxRunningRequests=512 --set components.worker.memory.maxPrefillTokens=5500 --set 'components.worker.engineArgs.sglang=[--enable-mixed-chunk]'",
    'dynamo up disagg --model Qwen/Qwen3-32B --replicas prefill=2 --replicas decode=2 --set components.prefill.gpus=2 --set components.prefill.gpuMemoryGiB=73 --set components.prefill.memory.maxRunningRequests=1 --set components.prefill.memory.maxPrefillTokens=5500 --set components.decode.gpus=2 --set components.decode.gpuMemoryGiB=119 --set components.decode.memory.maxRunningRequests=512 --set components.decode.memory.maxPrefillTokens=5500',
  ]);
  expect(contenders[0]?.deployment.leftOut).toEqual([expect.stringMatching(/^--cuda-graph-bs: /)]);
});

test('as a profile, with its figures marked as predicted', () => {
  const { contenders } = choose(answerOf('qwen3-32b-8xh200'), question);
  const text = profileYaml(contenders[0].candidate, question, source);
  expect(text).toContain('was computed, not measured');
  expect(parse(text)).toEqual({
    description: 'Advised for 4000 tokens in and 500 out on 8 × h200_sxm',
    extends: 'agg',
    parameters: { model: { default: 'Qwen/Qwen3-32B' } },
    components: {
      worker: {
        replicas: 2,
        gpus: 4,
        gpuMemoryGiB: 126,
        memory: { maxRunningRequests: 512, maxPrefillTokens: 5500 },
        engineArgs: { sglang: ['--enable-mixed-chunk'] },
      },
    },
    predicted: {
      by: 'AIConfigurator 0.12.0',
      data: 'SGLang 0.5.14',
      gpu: 'h200_sxm',
      gpus: 8,
      inputTokens: 4000,
      outputTokens: 500,
      ...contenders[0].candidate.figures,
    },
  });
});

test('a load: the fewest GPUs by whole replicas', () => {
  const rate: Question = { ...question, size: { kind: 'rate', requestsPerSecond: 1000 } };
  const { contenders } = choose(answerOf('qwen3-32b-1000rps', rate.size), rate);
  expect(contenders.map(({ candidate, deployment }) => [candidate.gpus, deployment.replicas])).toEqual([
    [996, { worker: 249 }],
    [1120, { prefill: 280, decode: 280 }],
  ]);
  expect(contenders[0].candidate.figures.requestsPerSecond).toBeGreaterThanOrEqual(1000);
});

test('what a profile cannot express is passed over, and said', () => {
  const small: Question = { ...question, model: 'm', size: { kind: 'gpus', gpus: 2 }, itlMs: 10 };
  const answer = answerOf('qwen3-0.6b-2xh200', small.size);
  expect(answer.map(lacksOf)).toEqual([[], [], ['context parallelism (cp 2)'], []]);
  const experts = answerOf('qwen3-235b-8xh200');
  expect(experts.filter(({ mode }) => mode === 'agg').map(lacksOf)).toEqual([
    [],
    ['data-parallel attention (dp 4)'],
    [],
    ['data-parallel attention (dp 2)'],
    [],
  ]);
  // As if its best could not be expressed.
  const [, ...rest] = experts.filter(({ mode }) => mode === 'agg');
  const { contenders, passedOver, without } = choose(rest, { ...question, itlMs: 30 });
  expect(contenders[0].candidate.roles[0]).toMatchObject({ tensorParallel: 8, dataParallel: 1 });
  expect(passedOver.map(({ lacks }) => lacks)).toEqual([['data-parallel attention (dp 4)']]);
  expect(without).toEqual(['disagg']);
});

test('expert parallelism is an argument of the engine', () => {
  const last = answerOf('qwen3-235b-8xh200').findLast(({ mode }) => mode === 'agg');
  expect(last?.roles[0]).toMatchObject({ tensorParallel: 4, expertParallel: 2 });
  const { contenders } = choose(last === undefined ? [] : [last], { ...question, itlMs: 30 });
  expect(contenders[0].deployment.workers[0]?.engineArgs).toEqual(['--enable-mixed-chunk', '--ep-size', '2']);
});

test('without any that can be expressed there is no advice; nor with too few GPUs', () => {
  const only = answerOf('qwen3-235b-8xh200').filter((each) => lacksOf(each).length > 0);
  expect(() => choose(only, question)).toThrow(/^No configuration .* can be written as a profile\.$/);
  const few = answerOf('qwen3-32b-8xh200', { kind: 'gpus', gpus: 0 });
  expect(() => choose(few, question)).toThrow('needs more GPUs than were given');
});

test('one that keeps to the limits comes before one with more throughput that does not', () => {
  const tight: Question = { ...question, ttftMs: 500 };
  const { contenders } = choose(answerOf('qwen3-32b-8xh200'), tight);
  // Only the fifth of agg and the two first of disagg answer within 500 ms.
  expect(contenders.map(({ candidate, meets }) => [candidate.mode, meets])).toEqual([
    ['disagg', true],
    ['agg', false],
  ]);
});

test('a table of another version is not guessed at', () => {
  const table = 'model,tp\nQwen/Qwen3-32B,4\n';
  expect(() => candidatesIn({ mode: 'agg', table, scripts: [] }, question.size)).toThrow(
    /^AIConfigurator's table has "" in its column pp; 0\.12\.0 has a number there\.$/,
  );
});

test('a model whose path has commas and quotes', () => {
  const table = read('qwen3-32b-8xh200', 'agg', 'best_config_topn.csv').replaceAll(
    'Qwen/Qwen3-32B',
    '"/models/a,""b"""',
  );
  const [first] = candidatesIn({ mode: 'agg', table, scripts: [] }, question.size);
  expect(first?.figures.ttftMs).toBe(518.152);
});

test('versions from its log', () => {
  const log = read('qwen3-32b-8xh200', 'log.txt');
  expect([configuratorVersionIn(log), flagsVersionIn(log)]).toEqual(['0.12.0', '0.5.16']);
  expect([configuratorVersionIn(''), flagsVersionIn('')]).toEqual([undefined, undefined]);
});

test('how it is asked', () => {
  expect(comparisonWords(question, '/out').join(' ')).toBe(
    'cli default --model-path Qwen/Qwen3-32B --system h200_sxm --backend sglang --total-gpus 8 --isl 4000 --osl 500 --ttft 1000 --tpot 20 --top-n 10 --save-dir /out --no-color',
  );
  expect(comparisonWords({ ...question, size: { kind: 'users', users: 500 } }, '/out').slice(0, 10)).toEqual([
    'cli',
    'recommend',
    '--model-path',
    'Qwen/Qwen3-32B',
    '--system',
    'h200_sxm',
    '--backend',
    'sglang',
    '--target-concurrency',
    '500',
  ]);
});

test.for([
  ['NVIDIA H200', 'h200_sxm'],
  ['NVIDIA H200 NVL', undefined],
  ['NVIDIA H100 80GB HBM3', 'h100_sxm'],
  ['NVIDIA H100 PCIe', 'h100_pcie'],
  ['NVIDIA A100-SXM4-80GB', 'a100_sxm'],
  ['NVIDIA A100-SXM4-40GB', undefined],
  ['NVIDIA B200', 'b200_sxm'],
  ['NVIDIA GB200', 'gb200'],
  ['NVIDIA L40S', 'l40s'],
  ['NVIDIA L4', 'l4'],
  ['NVIDIA RTX PRO 6000 Blackwell Server Edition', 'rtx_pro_6000_server'],
  ['NVIDIA GeForce RTX 4090', undefined],
] as const)('%s is %s', ([name, type]) => {
  expect(gpuTypeOf({ name })).toBe(type);
  expect(gpuTypeOf({ name, migOf: 'GPU-1' })).toBeUndefined();
});

test.for([
  ['unknown-model', 'unknown-model', 'AIConfigurator does not know the model Qwen/Qwen3-32B'],
  ['no-data', 'no-data', 'AIConfigurator has no data of Qwen/Qwen3-32B with SGLang on h200_sxm.'],
  [
    'slo',
    'supported',
    'AIConfigurator found no configuration for Qwen/Qwen3-32B on 8 × h200_sxm with TTFT ≤ 1.0 s and ITL ≤ 20 ms.',
  ],
] as const)('no answer: %s', ([search, support, message]) => {
  const error = refusal(question, {
    log: read(`search-${search}.txt`),
    support: read(`support-${support}.txt`),
  });
  expect(error.message).toContain(message);
  expect(error.exitCode).toBe(69);
  expect(error.hint).toMatch(/^dynamo advise --model \S+ --gpus 8 --gpu /);
});

test('neither mode is supported', () => {
  const support = read('support-supported.txt').replaceAll('YES', 'NO');
  expect(refusal(question, { log: '', support }).message).toBe(
    'AIConfigurator supports neither agg nor disagg for Qwen/Qwen3-32B with SGLang on h200_sxm.',
  );
});
