/** An error that is an answer: upstream's shape and OpenAI's in one body. */
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

/** What 1.6.1 says when a worker does not answer or goes away. */
export function unavailable(): ApiError {
  return new ApiError(503, 'Service temporarily unavailable');
}
