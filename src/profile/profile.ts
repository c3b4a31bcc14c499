/** A checked profile: the value that planning starts from. */
import type { ParameterSpec, ProfileDocument } from './schema.ts';

export type { ExternalEtcd, ExternalNats, SecretReference } from './infra.ts';
export type { PlannerSpec } from './planner.ts';
export type { PlannerTarget } from './planner-bounds.ts';
export type { FrontendSpec, ProofSpec, WorkerMode, WorkerSpec } from './schema.ts';

/** Where a profile file was found. Project files override user files, which override shipped ones. */
export type ProfileOrigin = 'shipped' | 'user' | 'project' | 'file';

export type ParameterValue = string | number | boolean | undefined;

/** How one parameter got its value. */
export interface ResolvedParameter extends ParameterSpec {
  readonly value: ParameterValue;
  readonly from: 'default' | 'environment' | 'option';
}

export interface Profile extends Omit<ProfileDocument, 'name' | 'parameters' | 'overlays' | 'extends'> {
  readonly name: string;
  readonly origin: ProfileOrigin;
  /** Absolute path of the file that it was read from. */
  readonly file: string;
  readonly parameters: Readonly<Record<string, ResolvedParameter>>;
}

/** The precomputed profile of a shipped file when nothing is set; see load.ts. */
export interface KnownProfile {
  /** Variables that would set a parameter. */
  readonly variables: readonly string[];
  /** Everything that does not depend on the location of the file. */
  readonly profile: Omit<Profile, 'name' | 'origin' | 'file'>;
}
