/** Ways to damage a record of a run: truncated, replaced, removed, or something else in its place. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const damages: Readonly<Record<string, (file: string) => void>> = {
  'cut in the middle': (file) => {
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.slice(0, Math.floor(text.length / 2)));
  },
  emptied: (file) => writeFileSync(file, ''),
  'replaced by garbage': (file) => replace(file, 'ELF\x7f\0 and so on\n'.repeat(40)),
  'of a newer version': (file) => replace(file, `{"format":99,"version":99,"runId":{"new":true}}\n`),
  'of another shape': (file) =>
    replace(file, `{"version":1,"runId":7,"pid":-1,"startTime":3,"session":0,"at":"x","type":"ready"}\n`),
  removed: (file) => rmSync(file),
  'a folder': (file) => {
    rmSync(file);
    mkdirSync(file);
  },
  'a folder with something in it': (file) => {
    rmSync(file);
    mkdirSync(join(file, 'deep'), { recursive: true });
  },
  'a named pipe': (file) => {
    rmSync(file);
    execFileSync('mkfifo', [file]);
  },
};

/** No effect for root. */
export function closeTo(file: string): void {
  chmodSync(file, 0o000);
}

/** A new file, as editors write it. */
function replace(file: string, text: string): void {
  rmSync(file);
  writeFileSync(file, text);
}

/** Files of a run in its state folder, by the names that tests use. */
export function recordsOf(state: string, runId: string, name: string): Record<string, string> {
  const at = (...words: string[]): string => join(state, 'dynamo', ...words);
  const plan = JSON.parse(readFileSync(at('runs', runId, 'plan.json'), 'utf8')) as {
    processes: { ports: Record<string, number> }[];
  };
  const [port = 0] = plan.processes.flatMap(({ ports }) => Object.values(ports));
  const files = {
    'run.json': at('runs', runId, 'run.json'),
    'plan.json': at('runs', runId, 'plan.json'),
    'events.jsonl': at('runs', runId, 'events.jsonl'),
    'ledger.jsonl': at('runs', runId, 'ledger.jsonl'),
    'keeper.json': at('runs', runId, 'keeper.json'),
    'the claim on the name': at('names', name),
    'a lease on a port': at('ports', String(port)),
  };
  for (const file of Object.values(files)) if (!existsSync(file)) throw new Error(`there is no ${file}`);
  return files;
}
