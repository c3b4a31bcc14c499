/**
 * Makes parts of the installed Dynamo fail, and matches the rules against their output:
 * REAL_DYNAMO=/a/bin/python:/b/bin/python.
 */
import { spawn } from 'node:child_process';
import { diagnose, type HostEvidence } from '../../../src/doctor/rule.ts';
import { rules } from '../../../src/doctor/rule-table.ts';
import { planOf } from '../../support/diagnosis.ts';
import { tempFolder } from '../../support/temp-folder.ts';

export const pythons = (process.env['REAL_DYNAMO'] ?? 'python3').split(':');

/** Below the limit of a test, and far above a start on a busy machine. */
const longestMs = 100_000;

/** Both streams until it exits, or until they contain `enough`: 1.4 waits two minutes for etcd. */
export async function linesOf(
  python: string,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  enough: (lines: readonly string[]) => boolean = () => false,
): Promise<string[]> {
  return await new Promise<string[]>((resolve, reject) => {
    const child = spawn(python, ['-m', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: longestMs,
      killSignal: 'SIGKILL',
      env: {
        PATH: process.env['PATH'],
        HOME: tempFolder(),
        HF_HUB_OFFLINE: '1',
        DYN_SDK_DISABLE_ANSI_LOGGING: '1',
        DYN_DISCOVERY_BACKEND: 'file',
        DYN_FILE_KV: tempFolder(),
        DYN_REQUEST_PLANE: 'tcp',
        DYN_EVENT_PLANE: 'zmq',
        ETCD_STARTUP_CONNECT_TIMEOUT_SECONDS: '2',
        NATS_STARTUP_CONNECT_TIMEOUT_SECONDS: '2',
        ...env,
      },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (part: string) => {
        said += part;
        if (enough(said.split('\n'))) child.kill('SIGKILL');
      });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) reject(new Error(`it did not fail:\n${said}`));
      else resolve(said.split('\n'));
    });
  });
}

export function ruleFor(lines: readonly string[], host: HostEvidence = {}): string | undefined {
  const plan = planOf();
  const failure = {
    code: 'process-failed',
    message: 'decode exited with code 1',
    process: 'decode',
  } as const;
  const processes = plan.processes.map((spec) => ({
    spec,
    lines: spec.name === 'decode' ? lines : [],
    variables: new Set<string>(),
  }));
  return diagnose(rules, { failure, processes, plan }, host).diagnosis?.rule;
}
