/** Reads fields of a JSON body: right, absent, or a 400 that names the field. */
import { messageOf } from '../base/error-code.ts';
import { ApiError } from './api-error.ts';

export type Body = Readonly<Record<string, unknown>>;

export function parseBody(text: string): Body {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, `Invalid JSON: ${messageOf(error)}`);
  }
  return asObject(body) ?? bad(null, 'the body must be a JSON object');
}

export function bad(param: string | null, message: string): never {
  throw new ApiError(400, message, null, param);
}

export function asObject(value: unknown): Body | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : undefined;
}

/** Null where the field is absent. */
function field<T>(body: Body, name: string, wanted: string, is: (value: unknown) => value is T): T | null {
  const value = body[name] ?? null;
  return value === null || is(value) ? value : bad(name, `${name} must be ${wanted}`);
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isTextList = (value: unknown): value is string | string[] => [value].flat().every(isText);

export function optionalText(body: Body, name: string): string | null {
  return field(body, name, 'a string', isText);
}

export function requiredText(body: Body, name: string): string {
  return optionalText(body, name) ?? bad(name, `${name} is required`);
}

export function optionalCount(body: Body, name: string, highest = 1_000_000): number | null {
  const isCount = (value: unknown): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= highest;
  return field(body, name, `a whole number from 1 to ${highest}`, isCount);
}

export function flag(body: Body, name: string): boolean {
  return field(body, name, 'true or false', (value) => typeof value === 'boolean') ?? false;
}

/** A string or a list of strings. */
export function texts(body: Body, name: string): string[] {
  return [field(body, name, 'a string or a list of strings', isTextList) ?? []].flat();
}
