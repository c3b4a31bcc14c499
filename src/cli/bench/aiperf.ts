/** `--with aiperf`: runs NVIDIA's AIPerf for each point, in a folder that is removed, and reads its records. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import type { Environment } from '../../base/environment.ts';
import { DynamoError } from '../../base/error.ts';
import { aiperfInput, aiperfMeasured, aiperfWords } from '../../bench/aiperf.ts';
import { figuresOf } from '../../bench/figures.ts';
import { plannedRequests } from '../../bench/workload.ts';
import { shippedFolder } from '../../package/self.ts';
import type { Identity } from '../../base/identity.ts';
import { appendToLedger } from '../../process/ledger.ts';
import { runCommand } from '../../process/run-command.ts';
import { findTool } from '../../python/find-tool.ts';
import type { Deployed } from './deployed.ts';
import type { Loader } from './session.ts';

/** It starts and stops a dozen Python processes around its requests: about half a minute on two busy cores. */
const besideRequestsMs = 180_000;

/** Throws `environment` when AIPerf is not installed. */
export function aiperfLoader(environment: Environment): Loader {
  const { program } = findTool('aiperf', environment);
  const tokenizer = join(shippedFolder(environment), 'assets', 'tokenizer');
  return {
    measure: async (
      deployed,
      { load, round, point, manners },
      { signal, gone, gpus, slo, limits, onProgress },
    ) => {
      const place = { round, point };
      const work = {
        target: deployed.target,
        load,
        place,
        fit: manners.fit,
        fullLength: manners.fullLength,
        requestTimeoutMs: limits.requestTimeoutMs,
      };
      const planned = [...plannedRequests(load, place)];
      const folder = await mkdtemp(join(tmpdir(), 'dynamo-bench-'));
      const limit = new AbortController();
      const timer = setTimeout(
        () => limit.abort(new Error('AIPerf did not end in time')),
        limits.pointTimeoutMs + besideRequestsMs,
      );
      try {
        const input = join(folder, 'requests.jsonl');
        const output = join(folder, 'output');
        await writeFile(input, aiperfInput(work));
        onProgress({ sent: 0, done: 0, errors: 0, total: planned.length });
        const lines: string[] = [];
        const argv = [program, ...aiperfWords(work, { input, output, tokenizer })] as const;
        const { code } = await runCommand({
          argv,
          cwd: folder,
          environment: ownEnvironment(environment),
          onLine: (line) => lines.push(line),
          onStart: (identity) => record(deployed, identity),
          clock: systemClock,
          stop: AbortSignal.any([signal, gone, limit.signal]),
          kill: limit.signal,
        });
        const text = await readFile(join(output, 'profile_export.jsonl'), 'utf8').catch(() => '');
        if (code !== 0 || text === '') throw failed(code, lines);
        return figuresOf(aiperfMeasured(text, planned), gpus, slo);
      } finally {
        clearTimeout(timer);
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** With HF_HUB_OFFLINE set to anything, it takes the folder of a tokenizer for the name of a model (0.13.0). */
function ownEnvironment(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      name === 'HF_HUB_OFFLINE' || value === undefined ? [] : [[name, value] as const],
    ),
  );
}

/** So that the keeper of the run ends it when we are killed. */
function record({ ledger, plan }: Deployed, identity: Identity): void {
  if (ledger === undefined || plan === undefined) return;
  appendToLedger(ledger, {
    ...identity,
    runId: plan.runId,
    process: 'aiperf',
    pgrp: identity.pid,
    session: identity.pid,
    logFile: '',
  });
}

function failed(code: number | undefined, lines: readonly string[]): DynamoError {
  return new DynamoError(
    'process-failed',
    `AIPerf ended with ${code === undefined ? 'a signal' : `code ${code}`} and wrote no records.`,
    {
      details: lines.slice(-12).map((line) => `  ${line}`),
      hint: 'leave out --with aiperf, to use the load generator of dynamo',
      fields: { process: 'aiperf', ...(code === undefined ? {} : { exitCode: code }) },
    },
  );
}
