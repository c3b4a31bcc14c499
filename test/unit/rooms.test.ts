/** Import rules of the rooms of src/: a forbidden import is caught in each, also in nested folders and root files. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { edges, owners, rooms } from '../../scripts/rooms.js';
import { tempFolder } from '../support/temp-folder.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

interface Plant {
  /** Below src/. */
  readonly file: string;
  readonly line: string;
}

/** One violation per file. */
function plants(): Plant[] {
  const names = rooms.map(({ name }) => name);
  return rooms.flatMap(({ name, imports, pure, pureFiles = [] }): Plant[] => {
    const others = names.filter((other) => other !== name && !imports.includes(other));
    return [
      ...others.flatMap((other) => [
        { file: `${name}/plant-${other}.ts`, line: `import '../${other}/a.ts';` },
        { file: `${name}/nested/deep/plant-${other}.ts`, line: `import '../../../${other}/b/c.ts';` },
      ]),
      { file: `${name}/plant-main.ts`, line: "import '../main.ts';" },
      { file: `${name}/plant-env.ts`, line: 'export const plant = process.env.HOME;' },
      { file: `${name}/nested/plant-env.ts`, line: "process.env['A'] = 'b';" },
      { file: `${name}/nested/plant-assign.ts`, line: 'Object.assign(process.env, {});' },
      { file: `${name}/nested/plant-main.ts`, line: "import '../../main.ts';" },
      ...Object.entries(owners)
        .filter(([, owning]) => !owning.includes(name))
        .map(([owned]) => ({
          file: `${name}/nested/plant-${owned.replace(/\W/g, '_')}.ts`,
          line: `import '${owned.replace('/**', '/part')}';`,
        })),
      ...pureFiles.map((file) => ({ file: `${name}/${file}.ts`, line: "import 'node:fs';" })),
      ...(pure === true
        ? [
            { file: `${name}/plant-node.ts`, line: "import 'node:fs';" },
            { file: `${name}/nested/plant-process.ts`, line: 'export const plant = process.env;' },
            { file: `${name}/plant-fetch.ts`, line: "export const plant = fetch('/');" },
          ]
        : []),
    ];
  });
}

function complaints(all: readonly Plant[]): Set<string> {
  const folder = tempFolder();
  copyFileSync(join(repository, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
  for (const { file, line } of all) {
    const path = join(folder, 'src', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${line}\n`);
  }
  const { diagnostics } = JSON.parse(lint(folder)) as { diagnostics: { code: string; filename: string }[] };
  return new Set(
    diagnostics
      .filter(({ code }) => /no-restricted-(imports|globals)|no-process-env/.test(code))
      .map(({ filename }) => filename.replace(/^.*?src\//, '')),
  );
}

function lint(folder: string): string {
  try {
    const program = join(repository, 'node_modules', '.bin', 'oxlint');
    return execFileSync(program, ['--format=json'], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 ** 2,
    });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

test('every forbidden import is caught in every room', () => {
  const all = plants();
  const caught = complaints(all);
  expect(all.filter(({ file }) => !caught.has(file)).map(({ file, line }) => `${file}: ${line}`)).toEqual([]);
});

test('allowed imports are accepted', () => {
  const allowed = rooms.flatMap(({ name, imports }) =>
    imports.map((other) => ({
      file: `${name}/nested/ok-${other}.ts`,
      line: `import '../../${other}/a.ts';`,
    })),
  );
  expect([...complaints(allowed)]).toEqual([]);
});

test('only where a program begins it may read its environment', () => {
  const line = 'export const plant = { ...process.env };';
  expect([...complaints(edges.map((file) => ({ file, line })))]).toEqual([]);
  const beside = ['main.ts', 'up.ts', 'reap.ts', 'binary.ts', 'sim/process.ts'].map((file) => ({
    file,
    line,
  }));
  expect(complaints(beside).size).toBe(beside.length);
});
