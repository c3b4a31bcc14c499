/** What `dynamo setup` prints: what would be done, what was installed, and what there is. */
import type { ChalkInstance } from 'chalk';
import { findEngine } from '../engine/engines.ts';
import { withBackends } from '../plan/choose-engine.ts';
import type { PythonEnvironment } from '../plan/request.ts';
import { durationText } from '../base/duration.ts';
import { homePath } from './style.ts';
import { diskText } from '../base/units.ts';
import { tableText } from './table.ts';

export interface Fact {
  readonly what: string;
  readonly value: string;
  readonly because?: string | undefined;
}

/** One per line, aligned; a name that repeats is shown once. */
export function factLines(facts: readonly Fact[], style: ChalkInstance): string[] {
  const width = Math.max(...facts.map(({ what }) => what.length));
  return facts.map(({ what, value, because }, index) => {
    const name = facts[index - 1]?.what === what ? '' : what;
    const reason = because === undefined ? '' : `  ${style.dim(because)}`;
    return `${style.dim(name.padEnd(width))}  ${style.bold(value)}${reason}`;
  });
}

export interface SetupRow {
  readonly name: string;
  readonly holds: string;
  readonly state: string;
  readonly python: string | undefined;
  readonly bytes: number | undefined;
  readonly folder: string;
}

/** Ends without a newline. */
export function setupTable(rows: readonly SetupRow[], style: ChalkInstance): string {
  const heading = ['NAME', 'HOLDS', 'STATE', 'PYTHON', 'SIZE', 'FOLDER'].map((text) => style.dim(text));
  const cells = rows.map(({ name, holds, state, python, bytes, folder }) => [
    style.bold(name),
    holds,
    state === 'complete' ? state : style.yellow(state),
    python ?? '-',
    bytes === undefined ? '-' : diskText(bytes),
    homePath(folder),
  ]);
  return tableText([heading, ...cells]);
}

/** What is printed of an environment that `dynamo setup` installed. */
export interface MadeSetup {
  readonly folder: string;
  readonly record: {
    readonly engine: string;
    readonly version: string;
    readonly requirements: readonly string[];
    readonly overrides: readonly string[];
    readonly pythonVersion?: string | undefined;
    readonly bytes?: number | undefined;
    readonly tookMs?: number | undefined;
  };
}

export type Outcome =
  | ({ readonly kind: 'made' | 'there'; readonly name: string } & MadeSetup)
  | { readonly kind: 'yours'; readonly name: string; readonly python: PythonEnvironment };

export function outcomeText(outcome: Outcome, style: ChalkInstance): string {
  const tick = style.green('✔');
  if (outcome.kind === 'yours') {
    const { folder, dynamoVersion, because } = outcome.python;
    const holds = `Dynamo ${dynamoVersion}${withBackends(outcome.python)}`;
    return `${tick} ${style.bold(homePath(folder))} is used as it is: ${holds} (${because})`;
  }
  const { name, folder, record, kind } = outcome;
  const facts = [
    holdsText(record),
    ...(record.pythonVersion === undefined ? [] : [`Python ${record.pythonVersion}`]),
    ...(record.bytes === undefined ? [] : [diskText(record.bytes)]),
    ...(record.tookMs === undefined || kind === 'there'
      ? []
      : [`installed in ${durationText(record.tookMs)}`]),
  ];
  const is = kind === 'there' ? 'is already installed' : 'is ready';
  return `${tick} ${style.bold(name)} ${is}: ${facts.join(', ')}\n  ${homePath(folder)}`;
}

export function outcomeJson(outcome: Outcome): object {
  if (outcome.kind === 'yours') return { state: outcome.kind, ...environmentJson(outcome.python) };
  const { folder, record, name, kind } = outcome;
  const { version, requirements, overrides, pythonVersion, bytes, tookMs } = record;
  return {
    state: kind,
    name,
    folder,
    engine: record.engine,
    version,
    requirements,
    overrides,
    pythonVersion,
    bytes,
    tookMs,
  };
}

/** With the version of each engine package, and that of Dynamo. */
export function environmentJson({
  folder,
  python,
  inImage,
  dynamoVersion,
  ...rest
}: PythonEnvironment): object {
  const { backends, torchVersion, because } = rest;
  const versions = Object.entries(backends).map(([name, version]) => [`${name}Version`, version]);
  return { folder, python, inImage, dynamoVersion, ...Object.fromEntries(versions), torchVersion, because };
}

/** What is in an environment, in words. */
export function holdsText({ engine, version }: MadeSetup['record']): string {
  if (engine === 'infra') return version;
  const kind = findEngine(engine);
  if (kind === undefined) return `${engine} ${version}`;
  const backend = kind.python?.backend;
  return backend === undefined ? `Dynamo ${version}` : `Dynamo ${version} with ${backend.title}`;
}
