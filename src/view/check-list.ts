/** What the doctor found, as a list: failures and warnings first, each with one fix. */
import type { ErrorCode, ErrorFields } from '../base/error.ts';
import type { ChalkInstance } from 'chalk';
import { durationText } from '../base/duration.ts';
import { tableText } from './table.ts';

export interface CheckView {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly status: 'ok' | 'warn' | 'fail' | 'skip';
  readonly evidence: string;
  readonly details: readonly string[];
  readonly fix?: string;
  readonly fixed: readonly string[];
}

export interface DoctorView {
  /** What was checked: `this host`, or the profile and its engine. */
  readonly about: string;
  readonly checks: readonly CheckView[];
  /** Why there is no plan, where there should be one. */
  readonly planError?: {
    readonly code: ErrorCode;
    readonly fields: ErrorFields;
    readonly message: string;
    readonly details: readonly string[];
    readonly hint?: string;
  };
  readonly tookMs: number;
}

const words = { fail: 'FAIL', warn: 'WARN', ok: 'ok', skip: 'not checked' } as const;

/** Without `verbose`, passed checks are only counted. Ends without a newline. */
export function checkList(view: DoctorView, verbose: boolean, style: ChalkInstance): string {
  const of = (status: CheckView['status']): CheckView[] =>
    view.checks.filter((check) => check.status === status);
  const trouble = [...of('fail'), ...of('warn')];
  const skipped = of('skip');
  const fine = of('ok');
  return [
    style.bold(view.about),
    ...(view.planError === undefined ? [] : ['', ...planLines(view.planError, style)]),
    ...trouble.flatMap((check) => ['', ...troubleLines(check, style)]),
    ...fixedLines(fine, style),
    ...skippedLines(skipped, style),
    ...(verbose ? fineLines(fine) : []),
    '',
    summary(
      view,
      { fail: of('fail').length, warn: of('warn').length, fine: fine.length, skipped: skipped.length },
      style,
    ),
    ...(verbose || fine.length === 0
      ? []
      : [style.dim('dynamo doctor --verbose shows the checks that passed, too')]),
  ].join('\n');
}

function planLines(
  { message, details, hint }: NonNullable<DoctorView['planError']>,
  style: ChalkInstance,
): string[] {
  return [
    `${style.red.bold('FAIL')}  ${style.bold('plan')}  ${message}`,
    ...details.map((line) => `      ${line}`),
    ...(hint === undefined ? [] : [`      ${style.cyan('fix:')} ${hint}`]),
  ];
}

function troubleLines(check: CheckView, style: ChalkInstance): string[] {
  const colour = check.status === 'fail' ? style.red.bold : style.yellow.bold;
  return [
    `${colour(words[check.status])}  ${style.bold(`${check.id} ${check.name}`)}  ${check.evidence}`,
    ...check.details.map((line) => style.dim(`      ${line}`)),
    ...check.fixed.map((line) => `      ${style.green('done:')} ${line}`),
    ...(check.fix === undefined ? [] : [`      ${style.cyan('fix:')} ${check.fix}`]),
  ];
}

/** Checks that failed, were repaired, and now pass. */
function fixedLines(fine: readonly CheckView[], style: ChalkInstance): string[] {
  const repaired = fine.filter(({ fixed }) => fixed.length > 0);
  return repaired.flatMap((check) => [
    '',
    `${style.green('fixed')}  ${style.bold(`${check.id} ${check.name}`)}`,
    ...check.fixed.map((line) => `       ${line}`),
  ]);
}

/** One line per reason: without a GPU, many checks are skipped for the same one. */
function skippedLines(checks: readonly CheckView[], style: ChalkInstance): string[] {
  const names = new Map<string, string[]>();
  for (const { name, evidence } of checks) names.set(evidence, [...(names.get(evidence) ?? []), name]);
  const lines = [...names].map(([why, which]) => `  ${style.bold(which.join(', '))}  ${style.dim(why)}`);
  return lines.length === 0 ? [] : ['', 'not checked', ...lines];
}

function fineLines(checks: readonly CheckView[]): string[] {
  if (checks.length === 0) return [];
  const table = tableText(checks.map(({ id, name, evidence }) => [`  ${id}`, name, evidence])).split('\n');
  const details = checks.map((check) => check.details.map((detail) => `      ${detail}`));
  return ['', 'ok', ...table.flatMap((line, i) => [line, ...(details[i] ?? [])])];
}

function summary(
  view: DoctorView,
  counts: { fail: number; warn: number; fine: number; skipped: number },
  style: ChalkInstance,
): string {
  const failed = counts.fail + (view.planError === undefined ? 0 : 1);
  const parts = [
    failed > 0 ? style.red(`${failed} failed`) : '',
    counts.warn > 0 ? style.yellow(`${counts.warn} ${counts.warn === 1 ? 'warning' : 'warnings'}`) : '',
    style.green(`${counts.fine} ok`),
    `${counts.skipped} not checked`,
  ];
  return `${parts.filter(Boolean).join(', ')} in ${durationText(view.tookMs)}`;
}
