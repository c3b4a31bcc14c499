/** The results of a smoke test: every case of one profile, or one line per profile and what failed. */
import type { ChalkInstance } from 'chalk';
import { durationText } from '../base/duration.ts';
import { tableText } from './table.ts';

interface CaseView {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly tookMs: number;
  readonly text: string;
}

interface SuiteView {
  readonly name: string;
  readonly tookMs: number;
  readonly cases: readonly CaseView[];
}

/** Ends without a newline. */
export function smokeTable(suites: readonly SuiteView[], style: ChalkInstance): string {
  const [only, ...more] = suites;
  if (only !== undefined && more.length === 0) {
    const heading = ['CASE', 'RESULT', 'TOOK', 'DETAILS'].map((text) => style.dim(text));
    return tableText([heading, ...only.cases.map((each) => caseRow(each, style))]);
  }
  const heading = ['PROFILE', 'RESULT', 'PASSED', 'FAILED', 'SKIPPED', 'TOOK'].map((text) => style.dim(text));
  const wrong = suites.flatMap(({ name, cases }) =>
    cases
      .filter(({ state }) => state === 'failed' || (state === 'skipped' && cases.length === 1))
      .map((each) => `${style.bold(name)} ${caseLine(each, style)}`),
  );
  const table = tableText([heading, ...suites.map((suite) => suiteRow(suite, style))]);
  return wrong.length === 0 ? table : `${table}\n\n${wrong.join('\n')}`;
}

/** One case as it ends, on one line. */
export function caseLine({ name, state, tookMs, text }: CaseView, style: ChalkInstance): string {
  return `${coloured(state, style)} ${name} ${style.dim(`(${durationText(tookMs)})`)} ${firstLine(text)}`;
}

function caseRow({ name, state, tookMs, text }: CaseView, style: ChalkInstance): string[] {
  return [style.bold(name), coloured(state, style), durationText(tookMs), firstLine(text)];
}

function suiteRow({ name, cases, tookMs }: SuiteView, style: ChalkInstance): string[] {
  const count = (state: CaseView['state']): number => cases.filter((each) => each.state === state).length;
  const state = count('failed') > 0 ? 'failed' : count('passed') > 0 ? 'passed' : 'skipped';
  const counts = [count('passed'), count('failed'), count('skipped')].map(String);
  return [style.bold(name), coloured(state, style), ...counts, durationText(tookMs)];
}

function coloured(state: CaseView['state'], style: ChalkInstance): string {
  if (state === 'passed') return style.green(state);
  return state === 'failed' ? style.red(state) : style.yellow(state);
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
