/** Folders of runs: private, with short socket paths. */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runFiles, socketPath, stateFolderPaths, stateFolders } from '../../../src/run/folders.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test('all folders are made, for this user only', () => {
  const [state, runtime] = [tempFolder(), tempFolder()];
  const folders = stateFolders({ XDG_STATE_HOME: join(state, 'deep'), XDG_RUNTIME_DIR: runtime });
  expect(folders).toEqual({
    runs: join(state, 'deep/dynamo/runs'),
    names: join(state, 'deep/dynamo/names'),
    ports: join(state, 'deep/dynamo/ports'),
    gpus: join(state, 'deep/dynamo/gpus'),
    infra: join(state, 'deep/dynamo/infra'),
    sockets: join(runtime, 'dynamo'),
  });
  const { sockets, ...inState } = folders;
  expect(Object.values(inState).map(modeOf)).toEqual([0o700, 0o700, 0o700, 0o700, 0o700]);
  // Created only to start a run, not for reading.
  expect(existsSync(sockets)).toBe(false);
  expect(stateFolders({ XDG_STATE_HOME: join(state, 'deep'), XDG_RUNTIME_DIR: runtime })).toEqual(folders);
});

test('a relative path in a variable is ignored, as specified', () => {
  const folders = stateFolderPaths({ XDG_STATE_HOME: 'here', XDG_RUNTIME_DIR: 'there' });
  for (const folder of Object.values(folders)) expect(folder).toMatch(/^\//);
});

test.each(['x', 'x'.repeat(40), 'x'.repeat(100)])(
  'the socket path of a run named %s fits into 107 bytes and is unique',
  (name) => {
    const folders = {
      runs: '',
      names: '',
      ports: '',
      gpus: '',
      infra: '',
      sockets: `/run/user/${'1'.repeat(50)}/dynamo`,
    };
    const paths = [`${name}-aaaa`, `${name}-bbbb`].map((runId) => socketPath(folders, runId));
    for (const path of paths) expect(Buffer.byteLength(path)).toBeLessThanOrEqual(107);
    expect(paths[0]).not.toBe(paths[1]);
    expect(socketPath(folders, `${name}-aaaa`)).toBe(paths[0]);
  },
);

test('a state folder that cannot be created is an error with a fix', () => {
  const file = join(tempFolder(), 'file');
  writeFileSync(file, '');
  expect(() => stateFolders({ XDG_STATE_HOME: file, XDG_RUNTIME_DIR: tempFolder() })).toThrow(
    expect.objectContaining({
      code: 'cannot-write',
      exitCode: 73,
      message: expect.stringContaining(`${file}/dynamo/runs cannot be created`),
      hint: expect.stringContaining('XDG_STATE_HOME'),
    }),
  );
});

test('a run has one folder for all its files', () => {
  const files = runFiles(
    { runs: '/s/runs', names: '', ports: '', gpus: '', infra: '', sockets: '' },
    'agg-abcd',
  );
  expect(new Set(Object.values(files)).size).toBe(Object.values(files).length);
  for (const file of Object.values(files)) expect(file).toMatch(/^\/s\/runs\/agg-abcd/);
});
