/** Bodies of the HTTP API: fields read from requests, and errors in upstream's and OpenAI's shape. */
import { messageOf } from '../base/error-code.ts';

const names: Readonly<Record<number, readonly [upstream: string, openai: string]>> = {
  400: ['Bad Request', 'invalid_request_error'],
  403: ['Forbidden', 'permission_error'],
  404: ['Not Found', 'not_found_error'],
  405: ['Method Not Allowed', 'invalid_request_error'],
  413: ['Payload Too Large', 'invalid_request_error'],
  415: ['Unsupported Media Type', 'invalid_request_error'],
  500: ['Internal Server Error', 'server_error'],
  503: ['service_unavailable', 'service_unavailable'],
};

export class ApiError extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly param: string | null;

  constructor(status: number, message: string, code: string | null = null, param: string | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }
}

export function errorBody({ status, message, code, param }: ApiError): Record<string, unknown> {
  const [type, openaiType] = names[status] ?? ['Error', 'server_error'];
  return { message, type, code: status, error: { message, type: openaiType, param, code } };
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(500, messageOf(error));
}

/** The answer of 1.6.1 when a worker does not answer or disconnects. */
export function unavailable(): ApiError {
  return new ApiError(503, 'Service temporarily unavailable');
}

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

/** Null if the field is absent. Throws a 400 that names the field if it is wrong. */
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
