#!/usr/bin/env node
// Checks what the program needs, so that a missing piece is one line and not a stack trace.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `error: dynamo needs Node 20.19 or newer, but this is ${process.version}\nfix: install Node 22 LTS\n`,
  );
  process.exit(78);
}
// Two programs: the one that starts a deployment is a single file, the other loads what a command needs.
try {
  await import(['up', 'supervise'].includes(process.argv[2]) ? '../dist/up.js' : '../dist/main.js');
} catch (error) {
  if (error.code !== 'EMFILE' && error.code !== 'ENFILE') throw error;
  process.stderr.write(
    'error: dynamo cannot open its own files: too many files are open (ulimit -n), and a run needs 64.\nfix: ulimit -n 4096   # then run dynamo again\n',
  );
  process.exit(78);
}
