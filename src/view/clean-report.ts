/** What `clean` found, as text: what it removes, with proof, and what it leaves alone. */
import { tableText } from './table.ts';

/** One thing that is ended or removed. */
export interface CleanItem {
  readonly kind:
    | 'process'
    | 'container'
    | 'segment'
    | 'lock'
    | 'lease'
    | 'draft'
    | 'socket'
    | 'keys'
    | 'folder'
    | 'run';
  readonly what: string;
  readonly proof: string;
}

/** One thing that is not touched, and what a person could do about it. */
export interface LeftAlone {
  readonly what: string;
  readonly because: string;
  readonly command?: string | undefined;
  /** Shared memory: killed engines leave hundreds within months. */
  readonly segment?: true;
}

/** Something of a run that cannot be removed yet, and what would make it possible. */
export interface Waiting {
  readonly what: string;
  readonly because: string;
  readonly command: string;
}

/** So many segments are in the table; JSON has all of them. */
const segmentsShown = 3;

export interface CleanReport {
  readonly dryRun: boolean;
  readonly items: readonly CleanItem[];
  readonly waiting: readonly Waiting[];
  readonly leftAlone: readonly LeftAlone[];
  /** GPU memory whose owner is not known here. */
  readonly unseen: readonly string[];
}

/** Ends with a newline. */
export function cleanText({ dryRun, items, waiting, leftAlone, unseen }: CleanReport): string {
  const verb = dryRun ? 'would' : 'will';
  const rows = items.map(({ kind, what, proof }) => [
    `  ${kind === 'process' ? 'end' : 'remove'}`,
    kind,
    what,
    proof,
  ]);
  const segments = leftAlone.filter(({ segment }) => segment);
  const hidden = new Set(segments.slice(segmentsShown));
  const alone = leftAlone
    .filter((each) => !hidden.has(each))
    .map(({ what, because, command }) => [`  ${what}`, because, command ?? '']);
  if (hidden.size > 0)
    alone.push([`  and ${hidden.size} more`, 'the same', 'dynamo clean --json   # lists them all']);
  const parts = [
    ...(items.length > 0 ? [[`${verb}:`, tableText(rows)]] : []),
    ...(items.length + waiting.length === 0 ? [['nothing is left behind']] : []),
    waiting.length === 0 ? [] : ['ours, but cannot be removed yet:', tableText(waiting.map(rowOf))],
    leftAlone.length === 0 ? [] : ['not proven to be ours, left alone:', tableText(alone)],
    unseen.length === 0 ? [] : ['owner unknown:', ...unseen.map((line) => `  ${line}`)],
  ];
  return `${parts.flat().join('\n')}\n`;
}

function rowOf({ what, because, command }: Waiting): string[] {
  return [`  ${what}`, because, command];
}
