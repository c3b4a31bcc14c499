/** Facts about a plan that several checks need. */
import type { HostPart } from '../engine/engine.ts';
import { findEngine } from '../engine/engines.ts';
import type { Plan, ProcessSpec } from '../plan/plan.ts';
import type { WorkerSpec } from '../profile/profile.ts';
import type { Subject } from './host-view.ts';

/** Whether the engine of a plan uses a part of the host. */
export function engineUses({ engine }: Pick<Plan, 'engine'>, part: HostPart): boolean {
  return findEngine(engine)?.uses.includes(part) === true;
}

export function workersOf({ profile }: Subject): WorkerSpec[] {
  return Object.values(profile.components).filter((spec) => spec.kind === 'worker');
}

/** Whether a worker of the profile reads or generates images: SGLang's cuDNN check is about these. */
export function seesImages(subject: Subject): boolean {
  return workersOf(subject).some(
    ({ mode, multimodal }) => multimodal || mode === 'image' || mode === 'video' || mode === 'encode',
  );
}

/** The value of `--flag value` or `--flag=value`; the last one wins, as in argparse. */
export function valueOf(argv: readonly string[], flag: string): string | undefined {
  return valuesOf(argv, flag).at(-1);
}

export function valuesOf(argv: readonly string[], flag: string): string[] {
  return argv.flatMap((word, i) => {
    if (word === flag) return [argv[i + 1] ?? ''];
    return word.startsWith(`${flag}=`) ? [word.slice(flag.length + 1)] : [];
  });
}

export function prefillsOf(plan: Plan): ProcessSpec[] {
  return plan.processes.filter(({ ports }) => ports.bootstrap !== undefined);
}
