/** The typed view of a checked document that the checks of its shape share. */
import type { ProfileDocument, WorkerMode, WorkerSpec } from './schema.ts';
import type { Path } from './tree.ts';

export interface NamedWorker {
  readonly name: string;
  readonly spec: WorkerSpec;
  readonly path: Path;
}

/** A fault of the shape, by the path at which it is reported. */
export interface ShapeFault {
  readonly path: Path;
  readonly message: string;
  readonly fix: string;
}

export function workersOf(document: ProfileDocument): NamedWorker[] {
  return Object.entries(document.components).flatMap(([name, spec]) =>
    spec.kind === 'worker' ? [{ name, spec, path: ['components', name] }] : [],
  );
}

export function withMode(workers: readonly NamedWorker[], ...modes: readonly WorkerMode[]): NamedWorker[] {
  return workers.filter(({ spec }) => modes.includes(spec.mode));
}
