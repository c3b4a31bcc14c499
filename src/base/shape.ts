/** Checks values that were read from a file against the shape that they must have, and says in words what does not fit. */

/** Returns what is wrong with a value, or `undefined` if it fits. `at` names the value: `supervisor.pid`. */
export type Shape = (value: unknown, at: string) => string | undefined;

export const text: Shape = (value, at) => (typeof value === 'string' ? undefined : misfit(at, 'text', value));

export const number: Shape = (value, at) =>
  typeof value === 'number' && Number.isFinite(value) ? undefined : misfit(at, 'a number', value);

export const flag: Shape = (value, at) =>
  typeof value === 'boolean' ? undefined : misfit(at, 'true or false', value);

/** A pid of one process: to the kernel, 0 and negative numbers mean process groups. */
export const pid: Shape = (value, at) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0
    ? undefined
    : misfit(at, 'a pid', value);

export const anything: Shape = () => undefined;

export function oneOf(...known: readonly (string | number)[]): Shape {
  return (value, at) =>
    known.some((each) => each === value) ? undefined : misfit(at, known.join(' or '), value);
}

export function optional(shape: Shape): Shape {
  return (value, at) => (value === undefined ? undefined : shape(value, at));
}

export function list(of: Shape): Shape {
  return (value, at) =>
    Array.isArray(value) ? first(value, (each, i) => of(each, `${at}[${i}]`)) : misfit(at, 'a list', value);
}

/** An object with any keys, whose values all have one shape. */
export function map(of: Shape): Shape {
  return (value, at) =>
    isObject(value)
      ? first(Object.entries(value), ([key, each]) => of(each, dotted(at, key)))
      : misfit(at, 'an object', value);
}

/** An object with these keys. Others are allowed, because later versions add some. */
export function object(fields: Readonly<Record<string, Shape>>): Shape {
  const known = Object.entries(fields);
  return (value, at) =>
    isObject(value)
      ? first(known, ([key, shape]) => shape(value[key], dotted(at, key)))
      : misfit(at, 'an object', value);
}

function first<T>(values: readonly T[], problemOf: (value: T, i: number) => string | undefined) {
  for (const [i, value] of values.entries()) {
    const problem = problemOf(value, i);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function dotted(at: string, key: string): string {
  return at === '' ? key : `${at}.${key}`;
}

function misfit(at: string, expected: string, value: unknown): string {
  const seen = value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value);
  return `${at === '' ? 'it' : at} should be ${expected}, but is ${seen.length > 40 ? `${seen.slice(0, 39)}…` : seen}`;
}
