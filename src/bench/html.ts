/** The report as one HTML file: plots, tables and words, without scripts, and without anything from the network. */
import { chartSvg, type ChartPoint, markSvg, type Series } from './chart.ts';
import { factorText, percentText, rangeText } from './comparison.ts';
import { type Check, numberText, timeText } from './conditions.ts';
import { escaped } from './exports.ts';
import { type Metric, metricNamed, overRounds } from './figures.ts';
import { style } from './html-style.ts';
import { predictedLines } from './predicted.ts';
import { type ArmResult, type BenchResult, type PointResult, shownRounds } from './result.ts';
import { armText, loadText, simulatedEngines, simulatedText } from './words.ts';
import { pointText, pointWords } from './workload.ts';

export function htmlReport(result: BenchResult, checks: readonly Check[]): string {
  const title = `dynamo bench: ${result.arms.map(({ short }) => short).join(' against ')}`;
  const simulated = simulatedEngines(result);
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escaped(title)}</title><style>${style}</style></head><body><main>`,
    `<h1>${escaped(title)}</h1>`,
    `<p class="about">${escaped(aboutText(result))}</p>`,
    ...(simulated.length === 0 ? [] : [`<p class="banner">${escaped(simulatedText(simulated))}</p>`]),
    ...(result.interrupted
      ? ['<p class="banner">Interrupted: the figures are those of the rounds so far.</p>']
      : []),
    legend(result),
    ...list('What the rounds allow to say', result.verdicts),
    ...list('Predicted, beside what was measured', predictedLines(result)),
    ...(checks.length === 0 ? [] : checksHtml(checks)),
    ...problems(result),
    '<section class="charts">',
    ...charts(result),
    '</section>',
    '<h2>Figures</h2>',
    `<p class="about">Medians over the rounds, with the lowest and the highest round. Times in milliseconds.</p>`,
    figuresTable(result),
    ...comparisonTable(result),
    ...rolesTable(result),
    ...list('Limits of these figures', result.notes),
    `<footer>${escaped(`dynamo ${result.dynamo}, ${result.startedAt}`)}</footer>`,
    '</main></body></html>',
    '',
  ].join('\n');
}

function aboutText(result: BenchResult): string {
  const { machine, slo } = result;
  const gpus = machine.gpus.length === 0 ? '' : `, ${machine.gpus.join(', ')}`;
  const limits =
    slo === undefined
      ? ''
      : `; limits: ${Object.entries(slo)
          .map(([name, ms]) => `${name.replace(/Ms$/, '')} ${timeText(ms)}`)
          .join(', ')}`;
  return `${loadText(result)}${limits}. Machine: ${machine.host}, ${machine.cpus}${gpus}.`;
}

function legend({ arms }: BenchResult): string {
  const rows = arms.map(
    (arm, index) =>
      `<tr><td><svg class="swatch" viewBox="0 0 16 16" aria-hidden="true"><g class="mark s${index % 6}">${markSvg(index, 8, 8, 5)}</g></svg></td>` +
      `<th scope="row">${escaped(arm.short)}</th><td><code>${escaped(arm.label)}</code></td><td>${escaped(armText(arm))}</td></tr>`,
  );
  return `<div class="scroll"><table class="arms"><tbody>${rows.join('')}</tbody></table></div>`;
}

function list(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  return [
    `<h2>${escaped(title)}</h2>`,
    `<ul>${lines.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>`,
  ];
}

function checksHtml(checks: readonly Check[]): string[] {
  const rows = checks.map(
    ({ outcome, text }) => `<li><span class="${outcome}">${outcome}</span> ${escaped(text)}</li>`,
  );
  return ['<h2>Checks</h2>', `<ul>${rows.join('')}</ul>`];
}

function problems({ arms }: BenchResult): string[] {
  const lines = arms.flatMap(({ short, problems: own, points }) => [
    ...own.map((problem) => `${short}: ${problem}`),
    ...points.flatMap(({ at, rounds }) =>
      [...new Set(rounds.flatMap(({ withheld }) => withheld ?? []))].map(
        (why) => `${short} ${pointWords(at)}: withheld, as ${why}`,
      ),
    ),
    ...points.flatMap(({ at, rounds }) => {
      const errors = rounds.reduce((sum, { figures }) => sum + figures.errors, 0);
      const kinds = [...new Set(rounds.flatMap(({ figures }) => Object.keys(figures.errorKinds)))];
      return errors === 0
        ? []
        : [`${short} ${pointWords(at)}: ${errors} requests failed: ${kinds.join('; ')}`];
    }),
  ]);
  return list('What went wrong', lines);
}

function charts(result: BenchResult): string[] {
  const over = (name: string, tail: string | undefined): Series[] =>
    result.arms.flatMap((arm, index) => [
      { index, points: overLoad(arm, metricNamed(name)) },
      ...(tail === undefined
        ? []
        : [
            {
              index,
              dashed: true,
              points: overLoad(arm, metricNamed(tail)).map(({ x, y, hover }) => ({ x, y, hover })),
            },
          ]),
    ]);
  const points = result.arms[0]?.points ?? [];
  const xTicks = points.map(({ at }, i) => ({ at: i, label: pointText(at).replace(' req/s', '') }));
  const xTitle =
    points[0]?.at.kind === 'rate'
      ? 'requests per second'
      : points[0]?.at.kind === 'trace'
        ? ''
        : 'concurrency';
  const hasGpus = result.arms.some(({ gpus }) => gpus !== undefined);
  const perGpu = hasGpus ? metricNamed('tokens-per-gpu') : metricNamed('tokens-per-second');
  return [
    figure(
      'Throughput against what one user sees',
      'Up and to the right is better; numbers at the points are the load.',
      {
        xTitle: 'tokens/s per user',
        yTitle: hasGpus ? 'tokens/s per GPU' : 'tokens/s',
        series: result.arms.map((arm, index) => ({ index, points: pareto(arm, perGpu) })),
      },
    ),
    figure('Time to first token', 'p50 with its range over the rounds; dashed: p99.', {
      xTitle,
      yTitle: 'TTFT, ms',
      xTicks,
      series: over('ttft.p50', 'ttft.p99'),
    }),
    figure('Time between tokens', 'p50 with its range over the rounds; dashed: p99.', {
      xTitle,
      yTitle: 'ITL, ms',
      xTicks,
      series: over('itl.p50', 'itl.p99'),
    }),
    figure('Throughput', 'Output tokens, with their range over the rounds.', {
      xTitle,
      yTitle: hasGpus ? 'tokens/s per GPU' : 'tokens/s',
      xTicks,
      series: over(perGpu.name, undefined),
    }),
    ...(result.slo === undefined
      ? []
      : [
          figure('Goodput', 'Requests per second that met all limits.', {
            xTitle,
            yTitle: 'requests/s',
            xTicks,
            series: over('goodput', undefined),
          }),
        ]),
  ];
}

function figure(
  title: string,
  caption: string,
  chart: Omit<Parameters<typeof chartSvg>[0], 'title'>,
): string {
  const svg = chartSvg({ title, ...chart });
  return svg === ''
    ? ''
    : `<figure><h3>${escaped(title)}</h3>${svg}<figcaption>${escaped(caption)}</figcaption></figure>`;
}

function overLoad(arm: ArmResult, metric: Metric): ChartPoint[] {
  return arm.points.flatMap((point, i): ChartPoint[] => {
    const seen = overRounds(shownRounds(point), metric);
    if (seen === undefined) return [];
    const { median, low, high } = seen;
    const amount = (value: number): string => (metric.unit === 'ms' ? timeText(value) : numberText(value));
    const range = low === high ? '' : ` (${amount(low)} to ${amount(high)})`;
    return [
      {
        x: i,
        y: median,
        low,
        high,
        hover: `${arm.short} ${pointWords(point.at)}: ${metric.title} ${amount(median)}${range}`,
      },
    ];
  });
}

function pareto(arm: ArmResult, perGpu: Metric): ChartPoint[] {
  return arm.points.flatMap((point): ChartPoint[] => {
    const rounds = shownRounds(point);
    const [user, gpu] = [overRounds(rounds, metricNamed('tokens-per-user')), overRounds(rounds, perGpu)];
    if (user === undefined || gpu === undefined) return [];
    const label = pointText(point.at).replace(' req/s', '');
    const hover = `${arm.short} ${pointWords(point.at)}: ${numberText(gpu.median)} ${perGpu.title.replace('output ', '')}, ${numberText(user.median)} per user`;
    return [{ x: user.median, y: gpu.median, label, hover }];
  });
}

const columns: readonly (readonly [heading: string, metric: string])[] = [
  ...['ttft', 'itl', 'e2e'].flatMap((name): [string, string][] =>
    ['p50', 'p90', 'p99'].map((each) => [`${name.toUpperCase()} ${each}`, `${name}.${each}`]),
  ),
  ['tokens/s', 'tokens-per-second'],
  ['per GPU', 'tokens-per-gpu'],
  ['per user', 'tokens-per-user'],
  ['requests/s', 'requests-per-second'],
];

function figuresTable(result: BenchResult): string {
  const shown = [...columns, ...(result.slo === undefined ? [] : ([['goodput', 'goodput']] as const))];
  const head = ['load', 'arm', ...shown.map(([heading]) => heading), 'requests', 'errors'];
  const body = (result.arms[0]?.points ?? []).flatMap(({ at }, i) =>
    result.arms.map((arm, index) => {
      const point = arm.points[i];
      const load =
        index === 0
          ? `<th scope="rowgroup" rowspan="${result.arms.length}">${escaped(pointText(at))}</th>`
          : '';
      return `<tr${index === 0 ? ' class="first"' : ''}>${load}<th scope="row">${escaped(arm.short)}</th>${point === undefined ? '' : cells(point, shown)}</tr>`;
    }),
  );
  return table(head, body);
}

function cells(point: PointResult, shown: readonly (readonly [string, string])[]): string {
  const rounds = shownRounds(point);
  const figures = shown.map(([, name]) => {
    const seen = overRounds(rounds, metricNamed(name));
    if (seen === undefined) return '<td>–</td>';
    const range =
      seen.low === seen.high ? '' : `<small>${numberText(seen.low)}–${numberText(seen.high)}</small>`;
    return `<td>${numberText(seen.median)}${range}</td>`;
  });
  const sum = (of: 'answered' | 'errors'): number =>
    point.rounds.reduce((total, each) => total + each.figures[of], 0);
  return [
    ...figures,
    `<td>${sum('answered') + sum('errors')}</td>`,
    `<td${sum('errors') > 0 ? ' class="failed"' : ''}>${sum('errors')}</td>`,
  ].join('');
}

function comparisonTable({ comparisons, arms, threshold }: BenchResult): string[] {
  const known = comparisons.filter(({ ratio }) => ratio !== undefined);
  if (known.length === 0) return [];
  const shortOf = (id: string): string => arms.find((arm) => arm.id === id)?.short ?? id;
  const rows = known.map(
    ({ metric, arm, reference, at, ratio, verdict }) =>
      `<tr><th scope="row">${escaped(metricNamed(metric).title)}</th><td>${escaped(pointText(at))}</td><td>${escaped(shortOf(arm))} ÷ ${escaped(shortOf(reference))}</td>` +
      `<td>${ratio === undefined ? '–' : `${factorText(ratio.ratio)}×<small>${rangeText(ratio)}</small>`}</td><td class="${verdict}">${verdict.replaceAll('-', ' ')}</td></tr>`,
  );
  return [
    '<h2>Ratios</h2>',
    `<p class="about">The mean of the ratios in each round, with its 95 % interval. A difference counts where the whole interval is beyond ${percentText(threshold)}.</p>`,
    table(['figure', 'load', 'arms', 'ratio', 'verdict'], rows),
  ];
}

function rolesTable({ arms }: BenchResult): string[] {
  const rows = arms.flatMap(({ short, points }) =>
    points.flatMap(({ at, rounds, why }) => {
      const roles = rounds.at(-1)?.roles ?? [];
      return [
        ...roles.map(
          ({ role, text }) =>
            `<tr><th scope="row">${escaped(short)}</th><td>${escaped(pointText(at))}</td><td>${escaped(role)}</td><td class="words">${escaped(text)}</td></tr>`,
        ),
        ...why.map(
          (text) =>
            `<tr><th scope="row">${escaped(short)}</th><td>${escaped(pointText(at))}</td><td></td><td class="words"><strong>${escaped(text)}</strong></td></tr>`,
        ),
      ];
    }),
  );
  if (rows.length === 0) return [];
  return [
    '<h2>Inside</h2>',
    '<p class="about">What the processes reported while a point ran, by role, in the last round.</p>',
    table(['arm', 'load', 'role', ''], rows),
  ];
}

function table(head: readonly string[], body: readonly string[]): string {
  const headings = head.map((text) => `<th scope="col">${escaped(text)}</th>`).join('');
  return `<div class="scroll"><table><thead><tr>${headings}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}
