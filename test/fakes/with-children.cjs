// Loaded with NODE_OPTIONS=--require into the processes of a run: the one named in CHILDREN_OF starts children beside
// itself, as SGLang's main process does, by the shell script in CHILDREN. They outlive it.
const { spawn } = require('node:child_process');

if (process.env.DYNAMO_PROCESS === process.env.CHILDREN_OF && process.env.CHILDREN) {
  const script = process.env.CHILDREN;
  // Neither they nor their descendants do it again.
  delete process.env.NODE_OPTIONS;
  spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'inherit', 'inherit'] });
}
