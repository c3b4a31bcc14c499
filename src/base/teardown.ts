/** Undoes what was done, last first, so that giving up in the middle leaves nothing. */

export interface Teardown {
  /** Registers what undoes a step that has just succeeded. */
  defer(undo: () => void | Promise<void>): void;
  /** Runs every undo once, last first; goes on after an error and throws the first one at the end. */
  run(): Promise<void>;
}

export function createTeardown(): Teardown {
  const undos: (() => void | Promise<void>)[] = [];
  return {
    defer: (undo) => void undos.push(undo),
    run: async () => {
      const errors: unknown[] = [];
      for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) {
        try {
          await undo();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}
