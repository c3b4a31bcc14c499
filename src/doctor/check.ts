/** What a check of `dynamo doctor` is, what it can report, and the words that all checks share. */
import type { GpuReport, HostView } from './host-view.ts';

/** `skip`: the check could not run, or does not apply here; never a silent `ok`. */
export type Status = 'ok' | 'warn' | 'fail' | 'skip';

export interface Finding {
  readonly status: Status;
  /** What was seen, with values; for `skip`, why it was skipped. One line. */
  readonly evidence: string;
  /** Further lines, shown with --verbose and for what is not ok. */
  readonly details: readonly string[];
  /** One command or edit. Always set for `warn` and `fail`. */
  readonly fix?: string;
}

export interface Check {
  /** Never changes its meaning: scripts and bug reports refer to it. */
  readonly id: `D${number}`;
  readonly name: string;
  /** What is true when it is ok. */
  readonly title: string;
  /** The worst status that it can have. */
  readonly severity: 'warn' | 'fail';
  /** Changes nothing. May throw: then the check was not made. */
  look(host: HostView): Promise<Finding> | Finding;
  /** Repairs what is safe to repair without asking, and says what it did, one line each. */
  repair?(host: HostView): Promise<readonly string[]>;
}

export function ok(evidence: string, details: readonly string[] = []): Finding {
  return { status: 'ok', evidence, details };
}

export function warn(evidence: string, fix: string, details: readonly string[] = []): Finding {
  return { status: 'warn', evidence, details, fix };
}

export function fail(evidence: string, fix: string, details: readonly string[] = []): Finding {
  return { status: 'fail', evidence, details, fix };
}

export function skip(why: string): Finding {
  return { status: 'skip', evidence: why, details: [] };
}

/** `undefined` when nvidia-smi answers and lists GPUs. */
export function noGpu(report: GpuReport): Finding | undefined {
  if (report.state === 'absent') return skip('nvidia-smi is not installed');
  if (report.state === 'hangs') return skip('nvidia-smi does not answer (see gpu-hang)');
  if (report.state === 'fails') return skip('nvidia-smi fails (see nvml)');
  return report.gpus.length === 0 ? skip('nvidia-smi lists no GPU') : undefined;
}
