/** Golden text of the doctor's output. */
import { expect, test } from 'vitest';
import { checkList, type CheckView, type DoctorView } from '../../../src/view/check-list.ts';
import { styleFor } from '../../../src/view/style.ts';

const plain = styleFor({}, {});

function view(
  id: string,
  name: string,
  status: CheckView['status'],
  more: Partial<CheckView> = {},
): CheckView {
  return { id, name, title: name, status, evidence: `${name} was seen`, details: [], fixed: [], ...more };
}

const seen: DoctorView = {
  about: 'this host',
  tookMs: 312,
  checks: [
    view('D04', 'vram', 'skip', { evidence: 'no GPU' }),
    view('D06', 'ports', 'warn', { fix: 'take another' }),
    view('D13', 'gpus', 'skip', { evidence: 'no GPU' }),
    view('D23', 'shm', 'fail', { fix: 'make it larger', details: ['one', 'two'] }),
    view('D29', 'run-state', 'ok', { fixed: ['tidied up'] }),
    view('D30', 'docker', 'ok', { details: ['a detail'] }),
  ],
};

test('problems come first, the worst at the top; skipped checks are grouped by reason', () => {
  expect(checkList(seen, false, plain)).toBe(`this host

FAIL  D23 shm  shm was seen
      one
      two
      fix: make it larger

WARN  D06 ports  ports was seen
      fix: take another

fixed  D29 run-state
       tidied up

not checked
  vram, gpus  no GPU

1 failed, 1 warning, 2 ok, 2 not checked in 312 ms
dynamo doctor --verbose shows the checks that passed, too`);
});

test('verbose also shows passed checks with details', () => {
  expect(checkList(seen, true, plain)).toContain(`
ok
  D29  run-state  run-state was seen
  D30  docker     docker was seen
      a detail

1 failed`);
});

test('a plan that cannot be made is a separate failure', () => {
  const planError = {
    code: 'busy' as const,
    fields: {},
    message: 'Needs 2 GPUs.',
    details: ['  prefill: 1'],
    hint: '--engine sim',
  };
  expect(checkList({ about: 'x', tookMs: 1, checks: [], planError }, false, plain)).toBe(`x

FAIL  plan  Needs 2 GPUs.
        prefill: 1
      fix: --engine sim

1 failed, 0 ok, 0 not checked in 1 ms`);
});
