/**
 * Tables as text: columns as wide as their widest cell, without borders; the last column has no limit. Widths are columns of
 * a terminal: colours take none; Chinese, Japanese and Korean characters and emoji take two.
 */
import stringWidth from 'fast-string-width';

/**
 * In columns of a terminal. fast-string-width and fast-wrap-ansi do what string-width and wrap-ansi do; those make Node load
 * its Unicode data, which costs every command 24 ms of processor time where it takes 70 to start.
 */
export function textWidth(text: string): number {
  return stringWidth(text);
}

/** The first row is the heading. One line per row; ends without a newline. `right`: the columns that end together, as numbers do. */
export function tableText(rows: readonly (readonly string[])[], right: readonly boolean[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => textWidth(row[column] ?? ''))),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const gap = ' '.repeat((widths[column] ?? 0) - textWidth(cell));
          if (right[column] === true) return gap + cell;
          return column === row.length - 1 ? cell : cell + gap;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Of the widest line, in columns of a terminal. */
export function widthOf(table: string): number {
  return Math.max(...table.split('\n').map(textWidth));
}
