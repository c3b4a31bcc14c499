/** What users of the library may write, and what the compiler refuses. Checked by `npm run check`. */
import { expectTypeOf, test } from 'vitest';
import type {
  attach,
  DynamoError,
  MetricSample,
  Run,
  up,
  upFrom,
  UpOptions,
} from '../../../types/library.d.ts';

test('up, attach and a run have the types that the docs show', () => {
  expectTypeOf<typeof up>().parameter(0).toEqualTypeOf<string>();
  expectTypeOf<typeof up>().returns.resolves.toEqualTypeOf<Run>();
  expectTypeOf<typeof upFrom>().returns.resolves.toExtend<Run>();
  expectTypeOf<typeof attach>().returns.resolves.toEqualTypeOf<Run>();
  expectTypeOf<typeof attach>().parameter(0).toEqualTypeOf<string | undefined>();
  expectTypeOf<Run['ended']>().resolves.toEqualTypeOf<DynamoError | undefined>();
  expectTypeOf<Run['metrics']>().returns.resolves.toEqualTypeOf<readonly MetricSample[]>();
  expectTypeOf<Run['restart']>().toEqualTypeOf<(process: string) => Promise<void>>();
  expectTypeOf<Run>().toExtend<AsyncDisposable>();
  expectTypeOf<UpOptions['engine']>().toEqualTypeOf<'auto' | 'sglang' | 'mocker' | 'sim' | undefined>();
  expectTypeOf<{ engine: 'mokcer' }>().not.toExtend<UpOptions>();
  expectTypeOf<{ replicas: { decode: '2' } }>().not.toExtend<UpOptions>();
});
