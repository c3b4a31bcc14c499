/** `dynamo smoke --on kubernetes`: brings profiles up on a cluster, verifies each with real requests, deletes them. */
import type { Environment } from '../../base/environment.ts';
import { wholeNumber } from '../flag-values.ts';
import { DynamoError } from '../../base/error.ts';
import { messageOf } from '../../base/error-code.ts';
import { openProfile } from '../../deployment/load-profile.ts';
import { findCluster } from '../../kubernetes/find-cluster.ts';
import { cleanName } from '../../plan/run-name.ts';
import { casesFor } from '../../smoke/case-table.ts';
import type { CaseResult, SuiteResult } from '../../smoke/result.ts';
import { runCases } from '../../smoke/run-cases.ts';
import { foreignTarget } from '../../smoke/target.ts';
import { caseLine } from '../../view/smoke-table.ts';
import { styleFor } from '../../view/style.ts';
import { splitRawArgs } from '../operands.ts';
import { signalExitCode, watchSignals } from '../signals.ts';
import { reportSmoke } from '../smoke.ts';
import type { SmokeFlags as LocalFlags } from '../smoke/profiles.ts';
import { seconds, settingsOf } from '../up/deployment-options.ts';
import type { Configure } from '../verb.ts';
import { bringUp, endRun, type UpOnCluster } from './bring-up.ts';
import { type ManifestFlags, requireTarget } from './manifest-options.ts';
import { addClusterOptions } from './cluster-options.ts';
import { clusterRequest } from './request.ts';

const examples = `
Examples:
  dynamo smoke agg --on kubernetes
  dynamo smoke agg disagg --on kubernetes --namespace ci --junit out.xml

One profile after the other, each under a name of its own. Exit codes: as of dynamo smoke.`;

interface SmokeFlags extends LocalFlags, ManifestFlags {
  readonly context?: string;
}

export const configure: Configure = (command, settle, environment) => {
  addClusterOptions(command.argument('[profile...]', 'profiles, aliases, upstream scripts or YAML files'))
    .option('--case-timeout <seconds>', 'how long one request case may take', seconds('--case-timeout'), 300)
    .option('--fail-fast', 'try nothing more after the first failure')
    .option('--keep-on-failure', 'leave a deployment up on which a request failed')
    .option('--repeat <times>', 'everything so many times', times, 1)
    .option('--junit <file>', 'JUnit XML: one suite a profile, one case a request')
    .option('--json', 'the results as JSON on stdout')
    .option('-q, --quiet', 'no progress, only the result')
    .addHelpText('after', examples)
    .action(async (_profiles, flags: SmokeFlags) =>
      settle(await smoke(splitRawArgs(command.args), flags, environment)),
    );
};

function times(text: string): number {
  const count = wholeNumber(text, 1, 10_000);
  if (count !== undefined) return count;
  throw new DynamoError('usage', `--repeat ${JSON.stringify(text)}: expected a number from 1 to 10000.`, {
    fields: { option: '--repeat', asked: text },
    hint: 'dynamo smoke --on kubernetes --help',
  });
}

async function smoke(
  { operands, rawArgs }: ReturnType<typeof splitRawArgs>,
  flags: SmokeFlags,
  environment: Environment,
): Promise<number> {
  requireTarget(flags, ['timeout', 'httpPort']);
  if (operands.length === 0)
    throw new DynamoError('usage', 'dynamo smoke needs a profile.', {
      hint: 'dynamo smoke agg --on kubernetes',
    });
  const kubectl = await findCluster(flags, environment);
  const opened = await Promise.all(
    operands.map(async (asked) => ({
      asked,
      profile: (await openProfile(asked, settingsOf(flags), environment)).profile,
    })),
  );
  const requests = await Promise.all(
    opened.map(async ({ asked, profile }, i) => {
      const named = { ...flags, name: flags.name ?? smokeName(profile.name, i) };
      return {
        profile,
        request: await clusterRequest(kubectl, { asked, profile, flags: named, rawArgs, environment }),
      };
    }),
  );
  const [over, force] = [new AbortController(), new AbortController()];
  const say = (line: string): void => void (flags.quiet === true || process.stderr.write(`${line}\n`));
  const signals = watchSignals(
    (signal) => {
      say(`${signal}: deleting what is up`);
      over.abort(new Error(`${signal} came`));
    },
    () => force.abort(new DynamoError('left-behind', 'stopped waiting for what is being deleted')),
  );
  const style = styleFor(process.stderr, environment);
  const suites: SuiteResult[] = [];
  try {
    for (const { profile, request } of Array.from({ length: flags.repeat }, () => requests).flat()) {
      if (over.signal.aborted) break;
      const startedAt = new Date().toISOString();
      const begin = performance.now();
      const cases: CaseResult[] = [];
      const record = (result: CaseResult): void => {
        cases.push(result);
        say(`${profile.name}  ${caseLine(result, style)}`);
      };
      let live: UpOnCluster | undefined;
      await timed('up', record, async () => {
        live = await bringUp(kubectl, request, {
          say,
          environment,
          signal: over.signal,
          force: force.signal,
        });
        return `${live.serving.proof.request} answered`;
      });
      if (live !== undefined) {
        const { serving, run } = live;
        const target = foreignTarget(serving.forward.url, run.served.model, profile);
        const rules = {
          caseTimeoutMs: flags.caseTimeout * 1000,
          failFast: flags.failFast === true,
          signal: over.signal,
        };
        await runCases(casesFor(target), target, { ...rules, onResult: record });
        await serving.forward.end();
        const kept = flags.keepOnFailure === true && cases.some(({ state }) => state === 'failed');
        if (kept && !over.signal.aborted)
          record({ name: 'down', state: 'skipped', tookMs: 0, text: `kept up: dynamo down ${run.name}` });
        else
          await timed('down', record, async () => {
            await endRun(kubectl, run, { say: () => {}, environment, signal: force.signal });
            return 'nothing is left';
          });
      }
      const about = {
        engine: request.plan.graph.backendFramework,
        model: request.served.model,
        url: undefined,
        runId: request.runId,
      };
      suites.push({
        name: profile.name,
        ...about,
        startedAt,
        tookMs: performance.now() - begin,
        cases,
        logs: [],
      });
      if (flags.failFast === true && cases.some(({ state }) => state === 'failed')) break;
    }
  } finally {
    signals.end();
  }
  const verdict = reportSmoke(suites, flags, environment);
  const signal = signals.first();
  return signal === undefined ? (verdict ? 0 : 1) : signalExitCode(signal);
}

/** A name that no deployment has yet. */
function smokeName(profile: string, number: number): string {
  return `smoke-${cleanName(profile).slice(0, 12)}-${process.pid.toString(36)}${number === 0 ? '' : `-${number}`}`;
}

async function timed(
  name: string,
  record: (result: CaseResult) => void,
  step: () => Promise<string>,
): Promise<void> {
  const begin = performance.now();
  try {
    const text = await step();
    record({ name, state: 'passed', tookMs: performance.now() - begin, text });
  } catch (error) {
    const details = error instanceof DynamoError ? error.details : [];
    const text = [messageOf(error), ...details].join('\n');
    record({ name, state: 'failed', tookMs: performance.now() - begin, text });
  }
}
