/** Tests a deployment that dynamo did not start: only sends requests, starts and stops nothing. */
import type { Environment } from '../../base/environment.ts';
import { conceal } from '../../base/secrets.ts';
import { casesFor } from '../../smoke/case-table.ts';
import type { SuiteResult } from '../../smoke/result.ts';
import { runCases } from '../../smoke/run-cases.ts';
import { foreignTarget } from '../../smoke/target.ts';
import { caseLine } from '../../view/smoke-table.ts';
import { styleFor } from '../../view/style.ts';
import { settingsOf } from '../up/deployment-options.ts';
import { firstModel, foreignUrl } from '../foreign-url.ts';
import { openProfile } from '../../deployment/load-profile.ts';
import { oneProfile } from '../operands.ts';
import { signalExitCode, watchSignals } from '../signals.ts';
import type { SmokeFlags, SmokeOutcome } from './profiles.ts';

/** `asked`: a profile whose requests are sent; without one, those of a chat. Throws `usage` and `unavailable`. */
export async function smokeForeign(
  url: string,
  asked: readonly string[],
  flags: SmokeFlags,
  environment: Environment,
): Promise<SmokeOutcome> {
  const base = foreignUrl(url, 'smoke');
  const profile =
    asked.length === 0
      ? undefined
      : (
          await openProfile(
            await oneProfile(asked, 'smoke --url', environment),
            settingsOf(flags),
            environment,
          )
        ).profile;
  const target = foreignTarget(base, flags.model ?? (await firstModel(base)), profile);
  const over = new AbortController();
  const signals = watchSignals(
    (signal) => over.abort(new Error(`received ${signal}`)),
    () => {},
  );
  const style = styleFor(process.stderr, environment);
  const suites: SuiteResult[] = [];
  for (let round = 1; round <= flags.repeat && !over.signal.aborted; round++) {
    const name = `${profile?.name ?? target.model}${flags.repeat === 1 ? '' : ` #${round}`}`;
    const startedAt = new Date().toISOString();
    const begin = performance.now();
    const cases = await runCases(casesFor(target), target, {
      caseTimeoutMs: flags.caseTimeout * 1000,
      failFast: flags.failFast === true,
      signal: over.signal,
      onResult: (result) => {
        if (flags.quiet !== true) process.stderr.write(`${name}  ${caseLine(result, style)}\n`);
      },
    });
    const about = { engine: undefined, model: target.model, url: conceal(target.url), runId: undefined };
    suites.push({ name, ...about, startedAt, tookMs: performance.now() - begin, cases, logs: [] });
    if (flags.failFast === true && cases.some(({ state }) => state === 'failed')) break;
  }
  signals.end();
  const signal = signals.first();
  return { suites, ...(signal === undefined ? {} : { exitCode: signalExitCode(signal) }) };
}
