/** A plan and a ready deployment as text, without colours. */
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { planTree } from '../../../src/view/plan-tree.ts';
import { readyPanel } from '../../../src/view/panel.ts';
import { styleFor } from '../../../src/view/style.ts';
import { frontend, host, options, profileOf, worker } from '../../support/profile.ts';

const plain = styleFor({}, {});
const profile = profileOf({
  name: 'disagg',
  description: 'Prefill and decode apart',
  components: {
    frontend,
    prefill: worker('prefill'),
    decode: worker('decode', { dependsOn: { prefill: 'ready' } }),
  },
});
const ports = {
  runId: 'disagg-abcd',
  runFolder: '/state/disagg-abcd',
  busyPorts: new Map([[8000, 'run agg-1234']]),
};
const plan: Plan = makePlan(profile, options(), host({ ...ports, environment: { DYN_NAMESPACE: 'x' } }));
const proof = {
  request: 'POST /v1/chat/completions',
  answer: 'Hello\nthere.',
  tookMs: 41,
  usedRoles: ['prefill', 'decode'],
};

test('the tree shows choices with reasons, each process, the ready condition and stop order', () => {
  const [, prefill, decode] = plan.processes.map(({ ports: mine }) => mine);
  const lines = planTree(plan, plain).split('\n');
  expect(lines.filter((line) => !/^(│| ) {4}/.test(line))).toEqual([
    'disagg  Prefill and decode apart',
    '/profiles/disagg.yaml',
    '',
    'engine     sim  --engine sim',
    'discovery  file  all processes run on this host, so etcd is not needed',
    'events     zmq  workers send events directly to the frontend, so NATS is not needed',
    'http port  8001  8000 is in use by run agg-1234',
    'ignored    DYN_NAMESPACE (the plan sets these)',
    '',
    'model      tiny/model',
    'URL        http://127.0.0.1:8001',
    'namespace  dynamo',
    '',
    'starts (each process waits only for those listed with "after")',
    '├─ frontend  ports http 8001 · stop within 10.0 s (5.0 s while loading)',
    `├─ prefill  ports system ${prefill?.system}, bootstrap ${prefill?.bootstrap} · stop within 10.0 s (5.0 s while loading)`,
    `└─ decode  ports system ${decode?.system} · after prefill ready · stop within 10.0 s (5.0 s while loading)`,
    '',
    'ready when the frontend knows 1 × prefill, 1 × decode, tiny/model is listed, and a chat request is answered',
    'stops frontend  →  decode  →  prefill',
  ]);
  expect(lines.filter((line) => line.includes('/usr/bin/node /opt/dynamo/dist/sim.js'))).toHaveLength(3);
});

test('the panel of a deployment that serves', () => {
  expect(readyPanel(plan, proof, 1_234, plain)).toBe(`✔ disagg-abcd is ready after 1.2 s

  URL        http://127.0.0.1:8001
  Model      tiny/model
  Engine     sim: --engine sim
  Processes  frontend, prefill, decode
  GPUs       none
  Logs       /state/disagg-abcd/logs
  Proof      POST /v1/chat/completions answered in 41 ms, through prefill and decode
  Answer     Hello there.

  curl http://127.0.0.1:8001/v1/chat/completions \\
    -H 'Content-Type: application/json' \\
    -d '{"model":"tiny/model","messages":[{"role":"user","content":"Say hello in one short sentence."}],"max_tokens":16,"stream":false}'

`);
});

test('listening beyond loopback gives a warning about who can connect', () => {
  const open = makePlan(profile, options({ httpHost: '0.0.0.0' }), host());
  const panel = readyPanel(open, proof, 1, plain);
  expect(panel).toContain(
    '  Reach      anyone who can reach an address of this host on port 8000 can use it: there is no password\n',
  );
  expect(panel).toContain(
    '  URL        http://127.0.0.1:8000 here; port 8000 on every address of this host\n',
  );
  expect(panel).toContain('curl http://127.0.0.1:8000/');
  expect(open.choices).toContainEqual(expect.objectContaining({ what: 'http host', value: '0.0.0.0' }));
  for (const httpHost of ['127.0.0.1', 'localhost', '::1']) {
    expect(readyPanel(makePlan(profile, options({ httpHost }), host()), proof, 1, plain)).not.toContain(
      'Reach',
    );
  }
});

test('a long answer is truncated', () => {
  const text = readyPanel(plan, { ...proof, answer: 'a'.repeat(5_000) }, 1, plain);
  expect(text).toContain(`${'a'.repeat(239)}…\n`);
});
