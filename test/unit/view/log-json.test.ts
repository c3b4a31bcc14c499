/** JSON log lines as text. */
import { expect, test } from 'vitest';
import { renderJson } from '../../../src/view/log-lines.ts';

test.each([
  [
    '{"time":"2026-11-21T03:24:19.882231Z","level":"INFO","file":"/opt/x.rs","line":294,"target":"dynamo_llm::http","message":"Starting","address":"0.0.0.0:19000"}',
    '2026-11-21T03:24:19.882231Z  INFO dynamo_llm::http: Starting address=0.0.0.0:19000',
  ],
  [
    '{"time":"2026-11-21T03:24:22Z","level":"ERROR","target":"log","message":"no","log.line":80,"log.target":"main.worker"}',
    '2026-11-21T03:24:22Z ERROR main.worker: no',
  ],
  [
    '{"level":"warn","ts":"2026-11-21T03:24:19.882Z","caller":"etcdmain/etcd.go:73","msg":"slow","took":12}',
    '2026-11-21T03:24:19.882Z  WARN etcdmain/etcd.go:73: slow took=12',
  ],
])('%s', (line, shown) => expect(renderJson(line)).toBe(shown));

test.each(['', 'plain', '{not json}', '{"a":1}', '[1,2]', '{"message":3}', '{"message":"half'])(
  '%s is unchanged',
  (line) => expect(renderJson(line)).toBe(line),
);
