/** Python environments for tests whose workers load forever, like a large model, or fail. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from './world.ts';

/** An environment with Dynamo and SGLang whose Python loads forever, and records the GPUs that it was given. */
export function loadingPython(world: World): string {
  const waits =
    'printf "%s %s\\n" "$CUDA_DEVICE_ORDER" "$CUDA_VISIBLE_DEVICES" >"$PWD/$DYNAMO_PROCESS.gpus"\nexec sleep 600';
  return standInPython(join(world.root, 'venv'), waits);
}

/** The same, at another place, whose Dynamo fails to import a package. */
export function incompletePython(world: World, place: string, missing: string): string {
  const traceback = [
    'Traceback (most recent call last):',
    '  File "/venv/dynamo/frontend/main.py", line 29, in <module>',
    `    import ${missing}`,
    `ModuleNotFoundError: No module named '${missing}'`,
  ];
  return standInPython(join(world.root, place), `cat >&2 <<'END'\n${traceback.join('\n')}\nEND\nexit 1`);
}

function standInPython(folder: string, script: string): string {
  const packages = join(folder, 'lib', 'python3.12', 'site-packages');
  for (const name of ['ai_dynamo-1.4.2', 'ai_dynamo_runtime-1.4.2', 'sglang-0.5.16', 'torch-2.11.0']) {
    mkdirSync(join(packages, `${name}.dist-info`), { recursive: true });
  }
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'pyvenv.cfg'), 'home = /usr/bin\n');
  writeFileSync(join(folder, 'bin', 'python3'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}
