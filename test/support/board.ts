/** Our board for Grafana, as tests read it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Board {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
}

export const board = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../assets/grafana/dynamo.json', import.meta.url)), 'utf8'),
) as Board;

/** Every query of every panel, with the variables as Grafana would fill them in. */
export const queries = board.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({
    title,
    query: expr.replaceAll('$__rate_interval', '1m').replaceAll('$run', '.*'),
  })),
);
