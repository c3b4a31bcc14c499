/**
 * Checks the options that a program gives to the library: callers in JavaScript have no compiler for that. The table has a row
 * for each option that types/library.d.ts declares; the compiler says which is missing.
 */
import { z } from 'zod';
import type { UpOptions } from '../../types/library.d.ts';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { conceal } from '../base/secrets.ts';
import { engineNames } from '../engine/engines.ts';
import { listenAddress } from '../host/listen-address.ts';
import { imageNames } from '../plan/container.ts';
import { mostOnOneMachine, plannerTargets } from '../profile/planner-bounds.ts';

/** Descriptions complete "is not …" in an error. */
const text = z.string().describe('a text');
const texts = z.array(z.string()).describe('an array of texts');
const yesOrNo = z.boolean().describe('true or false');

function oneOf(...choices: readonly string[]) {
  return z.enum(choices).describe(`one of ${choices.join(', ')}`);
}

function mapOf(what: string, value: z.ZodType) {
  return z.record(z.string(), value).describe(`an object of ${what}`);
}

/** As on the command line, where it is in seconds: the maximum of Node's timers. */
const longestMs = 2_147_483_000;
const milliseconds = z
  .number()
  .min(0)
  .max(longestMs)
  .describe(`a number of milliseconds from 0 to ${longestMs}`);

const rows: Readonly<Record<keyof UpOptions, z.ZodType>> = {
  engine: oneOf('auto', ...engineNames),
  model: text,
  python: text,
  runtime: oneOf('process', 'docker'),
  images: z
    .partialRecord(z.enum(imageNames), z.string())
    .describe(`an object of images, by ${imageNames.join(', ')}`),
  ptrace: yesOrNo,
  observe: yesOrNo,
  grafana: yesOrNo,
  planner: z
    .union([z.boolean(), z.enum(plannerTargets)])
    .describe(`true, false or one of ${plannerTargets.join(', ')}`),
  requestPlane: oneOf('tcp', 'nats'),
  persist: text,
  logLimitMiB: z
    .int()
    .min(1)
    .max(1024 ** 3)
    .describe('a whole number of MiB'),
  reuse: yesOrNo,
  name: text,
  gpus: texts,
  httpHost: z
    .string()
    .refine((value) => listenAddress(value) !== undefined)
    .describe("an address or a host name, such as '127.0.0.1'"),
  httpPort: z.int().min(1).max(65_535).describe('a port from 1 to 65535'),
  infra: oneOf('auto', 'process', 'docker', 'external', 'none'),
  discovery: oneOf('etcd', 'file'),
  events: oneOf('nats', 'zmq', 'none'),
  set: mapOf('texts, numbers and booleans', z.union([z.string(), z.number(), z.boolean()])),
  replicas: mapOf(`numbers from 1 to ${mostOnOneMachine}`, z.int().min(1).max(mostOnOneMachine)),
  environment: mapOf('texts', z.string().optional()),
  env: mapOf('texts', z.string()),
  workerArgs: texts,
  timeoutMs: milliseconds,
  stopTimeoutMs: milliseconds,
  // Not `instanceof`: test runners bring their own.
  signal: z
    .custom((value) => typeof value === 'object' && value !== null && 'aborted' in value)
    .describe('an AbortSignal'),
};

const optionNames: readonly string[] = Object.keys(rows);

/** Throws `usage` for the first unknown or invalid option. `undefined` sets nothing. */
export function checkOptions(what: 'profile' | 'file', value: unknown, options: unknown): void {
  if (!text.min(1).safeParse(value).success) throw wrong(what, value, text);
  if (typeof options !== 'object' || options === null)
    throw wrong('options', options, z.unknown().describe('an object'));
  for (const [name, given] of Object.entries(options)) {
    if (!isOption(name)) throw unknown(name);
    if (given !== undefined && !rows[name].safeParse(given).success) throw wrong(name, given, rows[name]);
  }
}

function isOption(name: string): name is keyof UpOptions {
  return Object.hasOwn(rows, name);
}

function unknown(name: string): DynamoError {
  const meant = nearest(name, optionNames) ?? optionNames.find((each) => isPartOf(name, each));
  return new DynamoError('usage', `up has no option ${JSON.stringify(name)}.`, {
    hint: meant === undefined ? `its options: ${optionNames.join(', ')}` : `did you mean ${meant}?`,
    fields: { option: name, choices: optionNames, nearest: meant },
  });
}

/** `args` is a part of `workerArgs`, and `timeout` of `timeoutMs`. */
function isPartOf(name: string, option: string): boolean {
  return name.length > 2 && option.toLowerCase().includes(name.toLowerCase());
}

function wrong(option: string, value: unknown, row: z.ZodType): DynamoError {
  const choices = row instanceof z.ZodEnum ? row.options.map(String) : undefined;
  const meant = choices === undefined || typeof value !== 'string' ? undefined : nearest(value, choices);
  return new DynamoError('usage', `${option}: ${shown(value)} is not ${row.description ?? 'valid'}.`, {
    ...(meant === undefined ? {} : { hint: `did you mean ${option}: '${meant}'?` }),
    fields: {
      option,
      ...(choices === undefined ? {} : { choices }),
      nearest: meant,
    },
  });
}

/** The contents of an object may be secret. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(conceal(value));
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'this array' : 'this object';
  return String(value);
}
