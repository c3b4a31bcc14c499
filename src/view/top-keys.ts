/** What the keys of `dynamo top` do. */
import type { Key } from 'node:readline';
import { type Chosen, sortings } from './top-screen.ts';

export type TopAction = 'restart' | 'stop' | 'start';

export interface TopState {
  readonly chosen: Chosen | undefined;
  /** One of `sortings`. */
  readonly sorting: string;
  readonly help: boolean;
  /** Waits for y. */
  readonly asks?: { readonly action: TopAction; readonly of: Chosen } | undefined;
  /** What a key asks for, once. */
  readonly command?:
    | { readonly do: 'quit' | 'interrupt' | 'suspend' }
    | { readonly do: 'logs'; readonly of: Chosen }
    | { readonly do: 'act'; readonly action: TopAction; readonly of: Chosen };
}

export const topStart: TopState = { chosen: undefined, sorting: sortings[0] ?? '', help: false };

/** `choices`: the processes as they are shown; `isUp`: whether one of them can be stopped rather than started. */
export function topPressed(
  before: TopState,
  { name = '', ctrl = false, sequence = '' }: Key,
  choices: readonly Chosen[],
  isUp: (chosen: Chosen) => boolean,
): TopState {
  const { asks, command: _, ...rest } = before;
  const state: TopState = { ...rest, chosen: present(before.chosen, choices) };
  if (ctrl) {
    if (name === 'c') return { ...state, command: { do: 'interrupt' } };
    return name === 'z' ? { ...state, command: { do: 'suspend' } } : state;
  }
  if (asks !== undefined) {
    return name === 'y' ? { ...state, command: { do: 'act', action: asks.action, of: asks.of } } : state;
  }
  if (name === 'q' || (name === 'escape' && !state.help)) return { ...state, command: { do: 'quit' } };
  if (state.help) return { ...state, help: false };
  if (sequence === '?' || name === 'h') return { ...state, help: true };
  if (name === 'left' || name === 'right') {
    const index = sortings.indexOf(state.sorting) + (name === 'right' ? 1 : -1);
    return { ...state, sorting: sortings.at(index % sortings.length) ?? state.sorting };
  }
  const { chosen } = state;
  if (chosen === undefined) return state;
  if (name === 'up' || name === 'k') return { ...state, chosen: beside(chosen, choices, -1) };
  if (name === 'down' || name === 'j') return { ...state, chosen: beside(chosen, choices, 1) };
  if (name === 'l' || name === 'return') return { ...state, command: { do: 'logs', of: chosen } };
  if (name === 'r') return { ...state, asks: { action: 'restart', of: chosen } };
  if (name === 's') return { ...state, asks: { action: isUp(chosen) ? 'stop' : 'start', of: chosen } };
  return state;
}

function same(a: Chosen, b: Chosen): boolean {
  return a.runId === b.runId && a.process === b.process;
}

/** The first where there is none, or it is gone. */
export function present(chosen: Chosen | undefined, choices: readonly Chosen[]): Chosen | undefined {
  return choices.find((each) => chosen !== undefined && same(each, chosen)) ?? choices[0];
}

function beside(chosen: Chosen, choices: readonly Chosen[], by: number): Chosen {
  const index = choices.findIndex((each) => same(each, chosen)) + by;
  return choices[Math.max(0, Math.min(choices.length - 1, index))] ?? chosen;
}

export const topKeys = 'q quit  ↑↓ choose  ←→ sort  l logs  r restart  s stop  ? help';

export const topHelp = `Keys
  ↑ ↓  k j     choose a process
  ← →          sort by another column
  l            logs of the process; q returns
  r            restart it, after a question
  s            stop it, or start it again, after a question
  ?            this help; any key returns
  q  Ctrl-C    quit; the runs stay up

Above each table, as the frontend counts: requests and tokens a second, and how
many requests are in flight and queued, which is without a first token. TTFT is
the time to the first token and ITL the time between two tokens, of the requests
that the line names.

Columns
  CPU, MEMORY  with child processes; 100% is one core
  GPU          how busy its GPU is, with all who use it
  GPU MEM      GPU memory of the process
  KV           KV cache in use
  HIT          share of prompt tokens that the engine found in its cache
  REQ/S        requests a second; a disaggregated one counts at both workers
  IN FLIGHT    received and not answered completely
  QUEUED       at a worker: not in a batch yet
  P50          half of the requests took at most this long there

Figures are of the last minute, or since this began. Unknown ones are left out.`;
