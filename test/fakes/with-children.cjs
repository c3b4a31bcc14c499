// Loaded with NODE_OPTIONS=--require into the processes of a run: the one named in CHILDREN_OF starts children with
// the shell script in CHILDREN, as SGLang's main process does. They outlive it.
const { spawn } = require('node:child_process');

if (process.env.DYNAMO_PROCESS === process.env.CHILDREN_OF && process.env.CHILDREN) {
  const script = process.env.CHILDREN;
  // Neither they nor their descendants repeat it.
  delete process.env.NODE_OPTIONS;
  spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'inherit', 'inherit'] });
}
