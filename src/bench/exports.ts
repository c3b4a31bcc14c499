/** A result for other programs: CSV for spreadsheets, JUnit XML for CI. */
import type { Check } from './conditions.ts';
import type { BenchResult } from './result.ts';
import { pointText } from './workload.ts';

const statistics = ['mean', 'min', 'p50', 'p90', 'p95', 'p99', 'max'] as const;
const distributions = ['ttft', 'itl', 'e2e', 'gap'] as const;

/** A row for each round of each point of each arm; times in milliseconds. */
export function csvOf({ arms }: BenchResult): string {
  const heading = [
    'arm',
    'label',
    'engine',
    'simulated',
    'gpus',
    'load',
    'value',
    'round',
    'withheld',
    'answered',
    'errors',
    'seconds',
    ...distributions.flatMap((name) => statistics.map((statistic) => `${name}_${statistic}_ms`)),
    'requests_per_second',
    'output_tokens_per_second',
    'input_tokens_per_second',
    'tokens_per_gpu',
    'tokens_per_user',
    'goodput',
    'isl_mean',
    'osl_mean',
    'cached_share',
  ];
  const rows = arms.flatMap(({ id, label, engine, simulated, gpus, points }) =>
    points.flatMap(({ at, rounds }) =>
      rounds.map(({ round, withheld, figures }) => {
        // What is withheld is no figure of the deployment.
        const shown = <T>(value: T): T | undefined => (withheld === undefined ? value : undefined);
        const times = distributions.flatMap((name) =>
          statistics.map((statistic) => shown(figures[name]?.[statistic])),
        );
        return [
          id,
          label,
          engine,
          simulated,
          gpus,
          at.kind,
          at.kind === 'trace' ? undefined : at.value,
          round,
          withheld,
          figures.answered,
          figures.errors,
          figures.seconds,
          ...times,
          ...[
            figures.requestsPerSecond,
            figures.outputTokensPerSecond,
            figures.inputTokensPerSecond,
            figures.tokensPerGpu,
            figures.tokensPerUser,
            figures.goodput,
          ].map(shown),
          figures.isl?.mean,
          figures.osl?.mean,
          figures.cached,
        ];
      }),
    ),
  );
  return `${[heading, ...rows].map((row) => row.map(cellText).join(',')).join('\n')}\n`;
}

function cellText(value: string | number | boolean | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'number') return String(Math.round(value * 1e6) / 1e6);
  const text = String(value);
  // A spreadsheet must not take a label for a formula.
  const safe = /^[=+@-]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A suite per arm with a case per point, and one with the checks. Ends with a newline. */
export function junitOf(
  { arms, startedAt, machine, simulated }: BenchResult,
  checks: readonly Check[],
): string {
  const suites = [
    ...arms.map(({ short, engine, points, problems }) => ({
      name: `${short}${engine === undefined ? '' : ` (${engine}${simulated ? ', simulated' : ''})`}`,
      cases: [
        ...problems.map((problem, i) => ({ name: `problem ${i + 1}`, failure: problem, seconds: 0 })),
        ...points.map(({ at, rounds }) => ({
          name: `load ${pointText(at)}`,
          failure: pointFailure(rounds),
          seconds: rounds.reduce((sum, { figures }) => sum + figures.seconds, 0),
        })),
      ],
    })),
    ...(checks.length === 0
      ? []
      : [
          {
            name: 'checks',
            cases: checks.map(({ name, outcome, text }) => ({
              name,
              failure: outcome === 'failed' ? text : undefined,
              seconds: 0,
            })),
          },
        ]),
  ];
  const lines = suites.flatMap(({ name, cases }) => [
    `  <testsuite ${attributes({ name: `dynamo bench: ${name}`, tests: cases.length, failures: cases.filter(({ failure }) => failure !== undefined).length, errors: 0, skipped: 0, time: totalOf(cases).toFixed(3), timestamp: startedAt.slice(0, 19), hostname: machine.host })}>`,
    ...cases.flatMap((each) => {
      const open = `    <testcase ${attributes({ name: each.name, classname: `dynamo.bench.${name.split(' ')[0]}`, time: each.seconds.toFixed(3) })}`;
      return each.failure === undefined
        ? [`${open}/>`]
        : [
            `${open}>`,
            `      <failure ${attributes({ message: each.failure, type: 'bench' })}/>`,
            '    </testcase>',
          ];
    }),
    '  </testsuite>',
  ]);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="dynamo bench">',
    ...lines,
    '</testsuites>',
    '',
  ].join('\n');
}

function totalOf(cases: readonly { readonly seconds: number }[]): number {
  return cases.reduce((sum, { seconds }) => sum + seconds, 0);
}

function pointFailure(rounds: BenchResult['arms'][number]['points'][number]['rounds']): string | undefined {
  if (rounds.length === 0) return 'it was not measured';
  const withheld = rounds.find((each) => each.withheld !== undefined)?.withheld;
  if (withheld !== undefined) return `its figures are withheld, as ${withheld}`;
  return rounds.some(({ figures }) => figures.answered === 0) ? 'no request was answered' : undefined;
}

function attributes(of: Readonly<Record<string, string | number>>): string {
  return Object.entries(of)
    .map(([name, value]) => `${name}="${escaped(String(value))}"`)
    .join(' ');
}

/** Also without characters that XML cannot have. */
export function escaped(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '?')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll('\n', '&#10;')
  );
}
