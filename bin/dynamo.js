#!/usr/bin/env node
// Reports missing prerequisites in one line, where the real program would fail with a stack trace.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `error: dynamo needs Node 20.19 or newer, but this is ${process.version}\nfix: install Node 22 LTS\n`,
  );
  process.exit(78);
}
// Two programs: `up` and its supervisor are one file; all other commands load what they need.
const [verb, ...words] = process.argv.slice(2);
const end = words.indexOf('--');
const onCluster = words.slice(0, end === -1 ? undefined : end).some((word) => /^--on(=|$)/.test(word));
// Node 22 and newer can keep what they compiled: commands start 5 to 10 ms earlier, but not those that load little. Not in
// Node's own folder below /tmp, where another user could put compiled code for us.
const { XDG_CACHE_HOME: cache = '', HOME: home = '' } = process.env;
const base = [cache, `${home}/.cache`].find((folder) => folder.startsWith('/') && folder !== '/.cache');
if (base !== undefined && /^[a-z]/.test(verb ?? ''))
  process.getBuiltinModule('node:module').enableCompileCache?.(`${base}/dynamo/compiled`);
try {
  await import(['up', 'supervise'].includes(verb) && !onCluster ? '../dist/up.js' : '../dist/main.js');
} catch (error) {
  if (error.code !== 'EMFILE' && error.code !== 'ENFILE') throw error;
  process.stderr.write(
    'error: dynamo cannot open its own files: too many files are open (ulimit -n), and a run needs 64.\nfix: ulimit -n 4096   # then run dynamo again\n',
  );
  process.exit(78);
}
