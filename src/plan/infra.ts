/** What is known of etcd and NATS on this host, and where those of a plan come from. */
import type { ContainerFacts } from './container.ts';

/** In the plan as it is, in a variable of the environment, or in a file. Paths begin with `/` or `~/`. */
export type Place = { readonly value: string } | { readonly env: string } | { readonly file: string };

/** By the name of upstream's variable. */
export type AccessPlaces = Readonly<Record<string, Place>>;

export type InfraName = 'etcd' | 'nats';
export const infraNames: readonly InfraName[] = ['etcd', 'nats'];

/** How they are called in sentences. */
export const infraTitles: Readonly<Record<InfraName, string>> = { etcd: 'etcd', nats: 'NATS' };

/** An executable on this host. */
export interface InfraBinary {
  readonly path: string;
  readonly version: string;
}

/** What the variable or the profile that names an external one led to. */
export interface ExternalInfra {
  /** Where the profile names it; absent when the environment does. */
  readonly profileKey?: string | undefined;
  /** Of etcd, where it is cleaned up after a run. */
  readonly access?: AccessPlaces;
  /** Without credentials. */
  readonly addresses: readonly string[];
  readonly version?: string;
  /** For people: what it can do and what it lacks. */
  readonly about?: string;
  /** Nobody answers there: the next source may be taken. */
  readonly silent?: string;
  /** It answers and cannot be used: that needs the user. */
  readonly wrong?: string;
  /** One command that mends what is wrong. */
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
  /** Looked at only where a container may be wanted. */
  readonly containers?: ContainerFacts | undefined;
  /** Folder for data that outlives a run. */
  readonly persistentFolder: string;
}

/** Where one of them comes from. `addresses` hold no credentials; those of our own are known once its ports are. */
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
      /** Where the profile names it; absent when the environment does. */
      readonly profileKey?: string;
      readonly access?: AccessPlaces;
    }
  | {
      readonly from: 'shared';
      readonly addresses: readonly string[];
      readonly version: string;
      readonly runId: string;
    };

/** Whether it comes and goes with the run. */
export function isOwn({ from }: InfraUse): boolean {
  return from === 'process' || from === 'docker';
}

export type InfraUses = Readonly<Partial<Record<InfraName, InfraUse>>>;

/** The part of a plan that concerns etcd and NATS. */
export interface InfraPlan {
  readonly etcd?: InfraUse;
  readonly nats?: InfraUse;
  /** Made before the first process starts; `kept` ones outlive the run. */
  readonly folders: readonly { readonly path: string; readonly kept: boolean }[];
  /** Written before the first process starts. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** Name of the data that outlives the run (`--persist`): one living run at a time may use it. */
  readonly persist?: string | undefined;
}
