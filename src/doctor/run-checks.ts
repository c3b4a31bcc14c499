/** Runs the checks of the doctor, each with a time limit, and takes secrets out of their reports. */
import { timeLimit } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import { isSecret } from '../base/secrets.ts';
import { type Check, type Finding, skip, type Status } from './check.ts';
import type { HostView } from './host-view.ts';

export interface CheckReport extends Finding {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly severity: Check['severity'];
  readonly tookMs: number;
  /** What `--fix` did, one line each; `finding` is from the check after that. */
  readonly fixed: readonly string[];
}

export interface CheckOptions {
  /** Time limit of each check. */
  readonly timeoutMs: number;
  /** Repair what is safe to repair, then check again. */
  readonly repair: boolean;
}

/** In the order of `checks`. Never rejects. */
export async function runChecks(
  checks: readonly Check[],
  host: HostView,
  options: CheckOptions,
): Promise<CheckReport[]> {
  const clean = redactor(host.environment);
  const reports: CheckReport[] = [];
  if (!options.repair) return await Promise.all(checks.map((check) => runCheck(check, host, options, clean)));
  // One after the other: one repair may affect another check.
  for (const check of checks) reports.push(await runCheck(check, host, options, clean));
  return reports;
}

async function runCheck(
  check: Check,
  host: HostView,
  { timeoutMs, repair }: CheckOptions,
  clean: (text: string) => string,
): Promise<CheckReport> {
  const { id, name, title, severity } = check;
  const begin = host.clock.now();
  const look = async (): Promise<Finding> => await within(timeoutMs, host, () => check.look(host));
  let finding = await look();
  let fixed: readonly string[] = [];
  if (repair && check.repair !== undefined && isTrouble(finding.status)) {
    fixed = await check.repair(host).catch((error: unknown) => [`failed: ${messageOf(error)}`]);
    finding = await look();
  }
  return {
    id,
    name,
    title,
    severity,
    status: finding.status,
    evidence: clean(finding.evidence),
    details: finding.details.map(clean),
    ...(finding.fix === undefined ? {} : { fix: clean(finding.fix) }),
    fixed: fixed.map(clean),
    tookMs: Math.round(host.clock.now() - begin),
  };
}

async function within(
  timeoutMs: number,
  { clock }: HostView,
  look: () => Promise<Finding> | Finding,
): Promise<Finding> {
  const limit = timeLimit(timeoutMs, clock, new AbortController().signal);
  try {
    return await Promise.race([
      Promise.resolve().then(look),
      new Promise<Finding>((resolve) => {
        limit.signal.addEventListener('abort', () =>
          resolve(skip(`it took longer than ${timeoutMs / 1000} s`)),
        );
      }),
    ]);
  } catch (error) {
    return skip(messageOf(error));
  } finally {
    limit.clear();
  }
}

export function isTrouble(status: Status): boolean {
  return status === 'warn' || status === 'fail';
}

const mark = '***';
/** Shorter values could occur inside ordinary words. */
const shortestSecret = 6;

const patterns: readonly [pattern: RegExp, by: string][] = [
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${mark}@`],
  [/\bhf_[A-Za-z0-9]{8,}\b/g, mark],
  [/(--[\w-]*(?:token|key|secret|password|passwd)(?:=|\s+))(?!-)\S+/gi, `$1${mark}`],
  [/(\b\w*(?:TOKEN|SECRET|PASSWORD|API_KEY)=)\S+/g, `$1${mark}`],
  [/(\bBearer\s+)\S+/gi, `$1${mark}`],
];

/** A function that hides the values of all secret variables of this environment, `secrets`, and text that looks secret. */
export function redactor(
  environment: Readonly<Record<string, string | undefined>>,
  secrets: readonly string[] = [],
): (text: string) => string {
  const said = Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && isSecret(name, value) ? [value] : [],
  );
  const values = [...said, ...secrets].filter(({ length }) => length >= shortestSecret);
  return (text) => {
    const known = values.reduce((left, value) => left.replaceAll(value, mark), text);
    return patterns.reduce((left, [pattern, by]) => left.replace(pattern, by), known);
  };
}
