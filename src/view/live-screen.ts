/** A text that is redrawn in place without flicker in a terminal, and printed again and again elsewhere. */

export interface LiveScreen {
  show(text: string): void;
  /** In columns. */
  width(): number;
  /** In lines. */
  height(): number;
  /** Gives the terminal to another program; the next text takes it back. */
  leave(): void;
  /** The last text stays on the screen. */
  end(): void;
}

const enter = '\u001B[?1049h\u001B[?25l';
const leave = '\u001B[?25h\u001B[?1049l';
const home = '\u001B[H';
const restOfLine = '\u001B[K';
const restOfScreen = '\u001B[J';

export function liveScreen(stream: NodeJS.WriteStream): LiveScreen {
  let last: string | undefined;
  if (!stream.isTTY) {
    return {
      show: (text) => {
        if (text !== last) stream.write(`${text}\n\n`);
        last = text;
      },
      width: () => Infinity,
      height: () => Infinity,
      leave: () => {},
      end: () => {},
    };
  }
  return {
    show: (text) => {
      const lines = text.split('\n').slice(0, stream.rows - 1);
      const frame = lines.map((line) => `${line}${restOfLine}`).join('\r\n');
      // One write, each line over the old one: nothing is blank in between.
      stream.write(`${last === undefined ? enter : ''}${home}${frame}${restOfScreen}`);
      last = text;
    },
    width: () => stream.columns,
    height: () => stream.rows - 1,
    leave: () => {
      if (last !== undefined) stream.write(leave);
      last = undefined;
    },
    end: () => {
      if (last !== undefined) stream.write(`${leave}${last}\n`);
    },
  };
}
