/** A Python for tests that never gets further than loading, as a worker with a large model for a long time. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from './world.ts';

/** An environment with Dynamo and SGLang whose Python loads for ever, and writes down which GPUs it was given. */
export function loadingPython(world: World): string {
  const folder = join(world.root, 'venv');
  const packages = join(folder, 'lib', 'python3.12', 'site-packages');
  for (const name of ['ai_dynamo-1.4.2', 'ai_dynamo_runtime-1.4.2', 'sglang-0.5.16', 'torch-2.11.0']) {
    mkdirSync(join(packages, `${name}.dist-info`), { recursive: true });
  }
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'pyvenv.cfg'), 'home = /usr/bin\n');
  writeFileSync(
    join(folder, 'bin', 'python3'),
    '#!/bin/sh\nprintf "%s %s\\n" "$CUDA_DEVICE_ORDER" "$CUDA_VISIBLE_DEVICES" >"$PWD/$DYNAMO_PROCESS.gpus"\nexec sleep 600\n',
    { mode: 0o755 },
  );
  return folder;
}
