/** The keys of a terminal, and the screen that they act on: raw mode, given back whatever happens. */
import { emitKeypressEvents, type Key } from 'node:readline';

export interface Keyboard {
  /** Stops reading, for another program. */
  pause(): void;
  resume(): void;
  end(): void;
}

export function readKeys(input: NodeJS.ReadStream, onKey: (key: Key) => void): Keyboard {
  emitKeypressEvents(input);
  const listener = (_text: string | undefined, key: Key): void => onKey(key);
  const resume = (): void => {
    input.setRawMode(true);
    input.resume();
  };
  const pause = (): void => {
    input.setRawMode(false);
    input.pause();
  };
  input.on('keypress', listener);
  resume();
  return {
    pause,
    resume,
    end: () => {
      input.off('keypress', listener);
      pause();
    },
  };
}
