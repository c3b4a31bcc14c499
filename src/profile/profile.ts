/** A checked profile: the value that planning starts from. */
import type { ParameterSpec, ProfileDocument } from './schema.ts';

export type { ExternalEtcd, ExternalNats, SecretReference } from './infra.ts';
export type { FrontendSpec, ProofSpec, WorkerMode, WorkerSpec } from './schema.ts';

/** Where a profile file was found. Project files win over user files, user files over shipped ones. */
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

/** What a shipped file means when nobody sets anything; see load.ts. */
export interface KnownProfile {
  /** Variables that would set a parameter. */
  readonly variables: readonly string[];
  /** All but what depends on where the file is. */
  readonly profile: Omit<Profile, 'name' | 'origin' | 'file'>;
}
