/** Files of ours that cannot be used: each is told once, to whoever shows such things, and harms nothing else. */

export interface Damage {
  readonly file: string;
  /** What is wrong with it, in words. */
  readonly why: string;
  /** One command that helps. */
  readonly fix: string;
}

const told = new Set<string>();
let listener: (damage: Damage) => void = () => {};

/** The last one that is set is told; without one, nobody is. */
export function onDamage(tell: (damage: Damage) => void): void {
  listener = tell;
}

export function tellDamage(damage: Damage): void {
  if (told.has(damage.file)) return;
  told.add(damage.file);
  listener(damage);
}
