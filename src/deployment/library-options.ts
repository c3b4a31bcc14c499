/** Checks the options that a program gives to the library: callers in JavaScript have no compiler for that. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { conceal } from '../base/secrets.ts';
import { engineNames } from '../engine/engines.ts';
import { listenAddress } from '../host/listen-address.ts';

/** What a value must be, in words and as a test. `choices`: if it is one of a few words. */
interface Kind {
  readonly expected: string;
  readonly fits: (value: unknown) => boolean;
  readonly choices?: readonly string[];
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isWhole = (value: unknown, least: number, most: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;

function oneOf(...choices: readonly string[]): Kind {
  return {
    expected: `one of ${choices.join(', ')}`,
    fits: (value) => isText(value) && choices.includes(value),
    choices,
  };
}

const isMap = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function mapOf(what: string, fits: (value: unknown) => boolean): Kind {
  return {
    expected: `an object of ${what}`,
    fits: (value) => isMap(value) && Object.values(value).every(fits),
  };
}

const text: Kind = { expected: 'a text', fits: isText };
const texts: Kind = {
  expected: 'an array of texts',
  fits: (value) => Array.isArray(value) && value.every(isText),
};
/** As on the command line, where it is in seconds: the maximum of Node's timers. */
const longestMs = 2_147_483_000;
const milliseconds: Kind = {
  expected: `a number of milliseconds from 0 to ${longestMs}`,
  fits: (value) => typeof value === 'number' && value >= 0 && value <= longestMs,
};

/** Every option of `up` in types/library.d.ts. */
const kinds: Readonly<Record<string, Kind>> = {
  engine: oneOf('auto', ...engineNames),
  model: text,
  python: text,
  runtime: oneOf('process', 'docker'),
  images: mapOf('images by name', isText),
  requestPlane: oneOf('tcp', 'nats'),
  persist: text,
  logLimitMiB: {
    expected: 'a whole number of MiB',
    fits: (value) => isWhole(value, 1, 1024 ** 3),
  },
  reuse: { expected: 'true or false', fits: (value) => typeof value === 'boolean' },
  name: text,
  gpus: texts,
  httpHost: {
    expected: "an address or a host name, such as '127.0.0.1'",
    fits: (value) => isText(value) && listenAddress(value) !== undefined,
  },
  httpPort: { expected: 'a port from 1 to 65535', fits: (value) => isWhole(value, 1, 65_535) },
  infra: oneOf('auto', 'process', 'docker', 'external', 'none'),
  discovery: oneOf('etcd', 'file'),
  events: oneOf('nats', 'zmq', 'none'),
  set: mapOf('texts, numbers and booleans', (value) =>
    ['string', 'number', 'boolean'].includes(typeof value),
  ),
  replicas: mapOf('numbers from 1 to 64', (value) => isWhole(value, 1, 64)),
  environment: mapOf('texts', (value) => value === undefined || isText(value)),
  env: mapOf('texts', isText),
  workerArgs: texts,
  timeoutMs: milliseconds,
  stopTimeoutMs: milliseconds,
  // Not `instanceof`: test runners bring their own.
  signal: {
    expected: 'an AbortSignal',
    fits: (value) => typeof value === 'object' && value !== null && 'aborted' in value,
  },
};

const optionNames: readonly string[] = Object.keys(kinds);

/** Throws `usage` for the first unknown or invalid option. `undefined` sets nothing. */
export function checkOptions(profile: unknown, options: unknown): void {
  if (!isText(profile) || profile === '') throw wrong('profile', profile, text);
  if (typeof options !== 'object' || options === null)
    throw wrong('options', options, { ...text, expected: 'an object' });
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) throw unknown(name);
    if (value !== undefined && !kind.fits(value)) throw wrong(name, value, kind);
  }
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

function wrong(option: string, value: unknown, { expected, choices }: Kind): DynamoError {
  const meant = choices === undefined || !isText(value) ? undefined : nearest(value, choices);
  return new DynamoError('usage', `${option}: ${shown(value)} is not ${expected}.`, {
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
  if (isText(value)) return JSON.stringify(conceal(value));
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'this array' : 'this object';
  return String(value);
}
