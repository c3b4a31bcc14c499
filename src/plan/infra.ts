/** What is known about etcd and NATS on this host, and where a plan takes them from. */
import type { ContainerFacts } from './container.ts';

/** Where a credential is stored: in the plan itself, in an environment variable, or in a file (`/…` or `~/…`). */
export type Place = { readonly value: string } | { readonly env: string } | { readonly file: string };

/** Keyed by upstream's variable. */
export type AccessPlaces = Readonly<Record<string, Place>>;

export type InfraName = 'etcd' | 'nats';
export const infraNames: readonly InfraName[] = ['etcd', 'nats'];

/** Their names in sentences. */
export const infraTitles: Readonly<Record<InfraName, string>> = { etcd: 'etcd', nats: 'NATS' };

/** An executable on this host. */
export interface InfraBinary {
  readonly path: string;
  readonly version: string;
}

/** An external etcd or NATS that the environment or the profile names, as it was found. */
export interface ExternalInfra {
  /** The key in the profile that names it; absent when the environment does. */
  readonly profileKey?: string | undefined;
  /** For etcd: where its credentials are stored, for later cleanup. */
  readonly access?: AccessPlaces;
  /** Without credentials. */
  readonly addresses: readonly string[];
  readonly version?: string;
  /** For people: what it supports and what it lacks. */
  readonly about?: string;
  /** Why it does not answer: the next source may be used instead. */
  readonly silent?: string;
  /** Why it cannot be used although it answers: the user must decide. */
  readonly wrong?: string;
  /** One command that fixes it. */
  readonly fix?: string;
}

/** The etcd and NATS of `dynamo infra up`. */
export interface SharedInfra {
  readonly runId: string;
  readonly addresses: Readonly<Record<InfraName, string>>;
  readonly versions: Readonly<Record<InfraName, string>>;
}

export interface InfraFacts {
  readonly binaries: Readonly<Partial<Record<InfraName, InfraBinary>>>;
  readonly external: Readonly<Partial<Record<InfraName, ExternalInfra>>>;
  readonly shared?: SharedInfra | undefined;
  /** Checked only when a container may be needed. */
  readonly containers?: ContainerFacts | undefined;
  /** Folder for data that outlives a run. */
  readonly persistentFolder: string;
}

/** Where etcd or NATS comes from. `addresses` hold no credentials; those of our own are known once their ports are. */
export type InfraUse =
  | {
      readonly from: 'process';
      readonly addresses: readonly string[];
      readonly path: string;
      readonly version: string;
    }
  | {
      readonly from: 'docker';
      readonly addresses: readonly string[];
      readonly image: string;
      readonly version: string;
    }
  | {
      readonly from: 'external';
      readonly addresses: readonly string[];
      readonly version: string;
      /** The key in the profile that names it; absent when the environment does. */
      readonly profileKey?: string;
      readonly access?: AccessPlaces;
    }
  | {
      readonly from: 'shared';
      readonly addresses: readonly string[];
      readonly version: string;
      readonly runId: string;
    };

/** Whether the run starts and stops it. */
export function isOwn({ from }: InfraUse): boolean {
  return from === 'process' || from === 'docker';
}

export type InfraUses = Readonly<Partial<Record<InfraName, InfraUse>>>;

/** The part of a plan that concerns etcd and NATS. */
export interface InfraPlan {
  readonly etcd?: InfraUse;
  readonly nats?: InfraUse;
  /** Created before the first process starts; those with `kept` stay after the run. */
  readonly folders: readonly { readonly path: string; readonly kept: boolean }[];
  /** Written before the first process starts. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** Name of data that is kept after the run (`--persist`). Only one running run may use it. */
  readonly persist?: string | undefined;
}
