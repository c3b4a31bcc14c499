/** docs/kubernetes.md lists every rule of a cluster, in the words of the rule. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { clusterRules } from '../../../src/kubernetes/rule-table.ts';

it('the table of rules is that of the code', () => {
  const page = readFileSync(fileURLToPath(new URL('../../../docs/kubernetes.md', import.meta.url)), 'utf8');
  const [, table = ''] = /<!-- rules -->([^]*)<!-- rules end -->/.exec(page) ?? [];
  const rows = table
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  expect(rows.map(([, id, sees, fixes]) => ({ id, sees, fixes }))).toEqual(
    clusterRules.map(({ id, sees, fixes }) => ({ id: `\`${id}\``, sees, fixes })),
  );
});
