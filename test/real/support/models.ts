/** Tiny models for real SGLang on a CPU: folders without weights, and pipelines with random weights. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const folder = fileURLToPath(new URL('../models', import.meta.url));

export function model(name: 'tiny-gpt2' | 'tiny-bert' | 'tiny-qwen2-vl' | 'tiny-sdar'): string {
  return join(folder, name);
}

/** A stand-in for the module of vLLM that SGLang imports for rotary embeddings on a CPU. */
export const rotary = ['--env', `PYTHONPATH=${join(folder, 'rotary')}`];

/** Creates a pipeline below `parent` with the Python of an SGLang environment; takes half a minute. */
export async function pipeline(kind: 'sd' | 'wan', python: string, parent: string): Promise<string> {
  const made = join(parent, `tiny-${kind}`);
  await promisify(execFile)(join(python, 'bin', 'python3'), [join(folder, `make-tiny-${kind}.py`), made], {
    env: { HOME: parent, PATH: '/usr/bin:/bin', TMPDIR: parent },
  });
  return made;
}
