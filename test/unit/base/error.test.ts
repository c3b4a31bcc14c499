/** Errors have the exit codes of the table. */
import { expect, expectTypeOf, test } from 'vitest';
import type * as declared from '../../../types/library.d.ts';
import { errorCode, messageOf } from '../../../src/base/error-code.ts';
import { DynamoError, type ErrorCode, type ErrorFields, exitCodes } from '../../../src/base/error.ts';

test('each code has its documented exit code', () => {
  expect(exitCodes).toEqual({
    'process-failed': 1,
    'left-behind': 1,
    usage: 64,
    'profile-invalid': 65,
    'profile-not-found': 66,
    'run-not-found': 66,
    unavailable: 69,
    'not-ready': 69,
    internal: 70,
    'cannot-write': 73,
    busy: 75,
    'not-allowed': 77,
    environment: 78,
  } satisfies Record<ErrorCode, number>);
  expect(new DynamoError('busy', 'taken').exitCode).toBe(75);
});

test('the fields of an error are a closed set for each code, as the package declares', () => {
  const error = new DynamoError('busy', 'taken', {
    fields: { port: 8000, holder: 'nginx', runId: undefined },
  });
  expect(error.fields).toStrictEqual({ port: 8000, holder: 'nginx' });
  // @ts-expect-error -- no value of this code
  expect(new DynamoError('busy', 'taken', { fields: { completionTokens: 1 } }).fields).toBeDefined();
  expectTypeOf<Required<ErrorFields>>().toEqualTypeOf<Required<declared.ErrorFields>>();
});

test('reads the code of a failed system call; other errors have none', () => {
  expect(errorCode(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT');
  expect(errorCode(Object.assign(new Error('x'), { code: 7 }))).toBeUndefined();
  expect(errorCode('ENOENT')).toBeUndefined();
  expect([messageOf(new Error('said')), messageOf('text')]).toEqual(['said', 'text']);
});
