// One profile as a page of Markdown: what it starts, on what, with which parameters, a request with its answer, troubles.
import { release } from './plans.js';
import { troublesOf } from './troubleshooting.js';

/** `answers`: what was recorded, by engine. */
export function pageOf(profile, plan, request, answers) {
  const { name, description, aliases, upstreamScripts } = profile;
  const known = [...upstreamScripts, ...aliases].map((each) => `\`dynamo up ${each}\``);
  return [
    '<!-- made by node scripts/profile-pages.js: change the profile or that script, not this page -->',
    `# \`${name}\``,
    `${description}. ${known.length === 0 ? '' : `The same: ${known.join(', ')}.`}`.trim(),
    `\`\`\`sh\ndynamo up ${name}\n\`\`\``,
    '## What it starts',
    table(['process', 'role', 'on GPU', 'ports', 'waits for'], plan.processes.map(processRow)),
    order(plan),
    `With Dynamo ${release.dynamo}, before anything of yours; words in capitals differ from run to run:`,
    code('sh', plan.processes.map((spec) => commandOf(spec, plan)).join('\n\n')),
    'The variables of each process are in `dynamo plan --json`. Other versions of Dynamo get other flags: [engines](../engines.md).',
    '## GPUs',
    gpuText(profile, plan),
    '## Parameters',
    table(['`--set`', 'type', 'default', 'what it does'], parameterRows(profile)),
    '## A request and its answer',
    'This is the request with which `up` proves that the deployment serves, as `dynamo smoke` does with more of them:',
    code('sh', curlOf(plan, request)),
    ...answerParts(answers),
    '## Troubles',
    `Upstream's pages name these; the rule names the cause when it happens, the check looks before a start
(\`dynamo doctor ${name}\`). All rules are in [diagnosis](../diagnosis.md), all checks in [doctor](../doctor.md).`,
    table(['upstream says', 'you see', 'what to do', 'rules', 'checks'], troublesOf(plan).map(troubleRow)),
  ]
    .join('\n\n')
    .concat('\n');
}

function processRow({ name, kind, mode, gpus, ports, dependsOn }) {
  const after = dependsOn.map(({ process, condition }) => `${process} (${condition})`);
  return [name, mode ?? kind, gpus.join(', ') || '–', Object.keys(ports).join(', '), after.join(', ') || '–'];
}

function order({ expected, stopOrder, proof }) {
  const counted = expected.map(({ component, count }) => `${count} × \`${component}\``).join(', ');
  const waves = stopOrder.map((wave) => wave.join(' and ')).join(', then ');
  return `Ready when ${counted} are known to the frontend, the model is listed and a ${proof.request} request is answered
by every role. Stopped in this order: ${waves}.`;
}

/** Ports and folders by name: they are planned anew for each run. */
function commandOf({ name, argv, ports }, plan) {
  const words = argv.map((word) => {
    let text = word.replace('/python/bin/', '').replaceAll('/RUN', 'RUN');
    for (const [port, number] of Object.entries(ports)) {
      text = text.replace(new RegExp(`\\b${number}\\b`), `${constantCase(port)}_PORT`);
    }
    return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text}'`;
  });
  const lines = [];
  for (const word of words) {
    const before = lines.at(-1);
    if (before !== undefined && !word.startsWith('--')) lines[lines.length - 1] = `${before} ${word}`;
    else lines.push(word);
  }
  const role = plan.processes.length > 1 ? `# ${name}\n` : '';
  return `${role}${lines.join(' \\\n  ')}`;
}

const constantCase = (text) => text.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

function gpuText({ components, name }, plan) {
  const used = new Set(plan.processes.flatMap(({ gpus }) => gpus));
  const shares = Object.entries(components).flatMap(([key, { shareGpuWith }]) =>
    shareGpuWith === undefined ? [] : [`${key} runs on the GPUs of ${shareGpuWith}`],
  );
  const memory = Object.entries(components).flatMap(([key, { gpuMemoryGiB }]) =>
    gpuMemoryGiB === undefined ? [] : [`${key} ${gpuMemoryGiB} GiB`],
  );
  const count = used.size === 1 ? '1 GPU' : `${used.size} GPUs`;
  return [
    `${count} with the parameters as they are${shares.length === 0 ? '' : `; ${shares.join(', ')}`}.`,
    memory.length === 0 ? '' : `Room that a replica should find: ${memory.join(', ')}.`,
    `Which ones: \`--gpus\`, or \`CUDA_VISIBLE_DEVICES\`. None with \`dynamo up ${name} --engine sim\`.`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function parameterRows({ parameters }) {
  return Object.entries(parameters).map(([name, { type, default: value, description, choices, env }]) => [
    `\`${name}\``,
    type,
    value === undefined ? '–' : `\`${value}\``,
    `${description}${choices === undefined ? '' : ` (${choices.join(', ')})`}${variablesText(env)}`,
  ]);
}

function variablesText(env) {
  return env === undefined ? '' : `; also ${env.map((each) => `\`${each}\``).join(' or ')}`;
}

function curlOf({ http }, { path, body }) {
  return `curl ${http.url}${path} \\
  -H 'Content-Type: application/json' \\
  -d '${JSON.stringify(body, undefined, 2).replaceAll('\n', '\n  ')}'`;
}

function answerParts({ sglang, sim }) {
  return [
    ...(sglang === undefined
      ? []
      : [
          `Real SGLang ${release.sglang} of Dynamo ${release.dynamo} on a CPU (\`--set device=cpu\`) answered it, asked for a tiny model of
random weights that was called \`tiny\`, so the content means nothing:`,
          code('json', JSON.stringify(sglang.answer, undefined, 2)),
        ]),
    ...(sim === undefined
      ? []
      : [
          'The embedded engine (`--engine sim`) answered it:',
          code('json', JSON.stringify(sim.answer, undefined, 2)),
        ]),
  ];
}

function troubleRow({ title, said, todo, rules, checks }) {
  return [title, said, todo, rules.map((rule) => `\`${rule}\``).join(', '), checks.join(', ')];
}

function code(language, text) {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

function table(head, rows) {
  const escaped = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, i) => Math.max(...escaped.map((row) => row[i].length)));
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  const [first, ...others] = escaped;
  return [
    line(first),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...others.map(line),
  ].join('\n');
}
