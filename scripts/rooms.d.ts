export interface Room {
  readonly name: string;
  readonly holds: string;
  readonly imports: readonly string[];
  readonly pure?: boolean;
  readonly node?: readonly string[];
  readonly pureFiles?: readonly string[];
}

export const rooms: readonly Room[];
/** The room that may import a package. */
export const owners: Readonly<Record<string, readonly string[]>>;
/** Below src/: where a program starts and reads its environment. */
export const edges: readonly string[];
