/** Columns for people: aligned by the widest cell, no borders, last column as long as it likes. */
import { textWidth } from './text-width.ts';

/** The first row is the heading. A line for each row, without a newline at the end of the last. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => textWidth(row[column] ?? ''))),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - textWidth(cell)),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Of the widest line, in columns of a terminal. */
export function widthOf(table: string): number {
  return Math.max(...table.split('\n').map(textWidth));
}
