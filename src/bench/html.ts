/** The report as one HTML file. */
import type { Check } from './conditions.ts';
import { escaped } from './exports.ts';
import type { BenchResult } from './result.ts';

export function htmlReport(result: BenchResult, checks: readonly Check[]): string {
  return `<!doctype html><pre>${escaped(JSON.stringify({ result, checks }))}</pre>`;
}
