// Draws docs/pictures/terminal.svg: the commands below, run in a real terminal (tmux), as they look there. Needs tmux; run it
// on a host where port 8000 is free. node scripts/picture.js
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const out = 'docs/pictures/terminal.svg';
const columns = 92;
const rows = 60;
/** Each with what shows that it has ended. */
const commands = [
  ['dynamo up disagg --detach', /Running in the background/],
  ["echo 'What does a KV cache hold?' | dynamo chat --max-tokens 20", /This is a simulated[^]*\$ $/],
  ['dynamo down', /is down: nothing is left/],
];

const palette = {
  31: '#f85149',
  32: '#3fb950',
  33: '#d29922',
  34: '#58a6ff',
  35: '#bc8cff',
  36: '#39c5cf',
  90: '#8b949e',
};

/** Goes on over the ends of lines. */
let current = {};

const root = fileURLToPath(new URL('..', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'picture-'));
const socket = join(home, 'tmux');
const tmux = (...words) => execFileSync('tmux', ['-S', socket, ...words], { encoding: 'utf8', env });
const env = {
  PATH: process.env.PATH,
  HOME: home,
  TERM: 'xterm-256color',
  LANG: 'C.UTF-8',
  LC_ALL: 'C.UTF-8',
};

mkdirSync(join(home, 'bin'));
writeFileSync(
  join(home, 'bin/dynamo'),
  `#!/bin/sh\nexec "${process.execPath}" "${root}bin/dynamo.js" "$@"\n`,
  {
    mode: 0o755,
  },
);
const shell = `env PATH=${join(home, 'bin')}:$PATH PS1='$ ' HISTFILE=/dev/null XDG_RUNTIME_DIR=${home} COLORTERM=truecolor bash --norc -i`;
try {
  tmux('-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(rows), shell);
  await until(/\$ $/);
  for (const [line, end] of commands) {
    tmux('send-keys', '-l', line);
    tmux('send-keys', 'Enter');
    await until(end);
    await until(/\$ $/);
  }
  const screen = tmux('capture-pane', '-e', '-p', '-t', '0');
  mkdirSync(join(out, '..'), { recursive: true });
  writeFileSync(out, svg(shown(screen)));
  console.log(out);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  execFileSync('node', [join(root, 'bin/dynamo.js'), 'down', '--all', '--quiet'], {
    env: { ...env, XDG_RUNTIME_DIR: home },
  });
  try {
    tmux('kill-server');
  } catch {
    // It has ended.
  }
  rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

async function until(pattern) {
  const limit = Date.now() + 60_000;
  for (;;) {
    const text = tmux('capture-pane', '-p', '-t', '0').trimEnd();
    if (pattern.test(pattern.source.endsWith('\\$ $') ? `${text} ` : text)) return;
    if (Date.now() > limit) throw new Error(`${pattern} did not appear:\n${text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Without the last prompt, and the lines that say which ports of this host are in use. */
function shown(screen) {
  const lines = screen.trimEnd().split('\n');
  return (/^\S*\$ *$/.test(plain(lines.at(-1) ?? '')) ? lines.slice(0, -1) : lines).map((line) =>
    line.trimEnd(),
  );
}

function plain(line) {
  // oxlint-disable-next-line no-control-regex -- colours begin with one
  return line.replaceAll(/\u001B\[[\d;]*m/g, '');
}

/** The parts of a line with one style each, from the colours that a terminal gets. */
function spans(line) {
  const parts = [];
  // oxlint-disable-next-line no-control-regex -- colours begin with one
  for (const [, codes, text] of line.matchAll(/(?:\u001B\[([\d;]*)m)?([^\u001B]*)/g)) {
    if (codes !== undefined) for (const code of codes.split(';').map(Number)) current = after(current, code);
    if (text !== '') parts.push({ text, ...current });
  }
  return parts;
}

function after(style, code) {
  if (code === 0) return {};
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 39) return { ...style, colour: undefined };
  return palette[code] === undefined ? style : { ...style, colour: palette[code] };
}

/** With spaces that no reader of SVG collapses. */
function escaped(text) {
  return text
    .replaceAll(' ', '\u00a0')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

function svg(lines) {
  const [width, step, top, left] = [8.43, 19, 48, 16];
  const text = lines.map((line, row) => {
    let column = 0;
    const parts = spans(line).map(({ text: words, bold, dim, colour }) => {
      const look = [
        `x="${(left + column * width).toFixed(1)}"`,
        `textLength="${([...words].length * width).toFixed(1)}"`,
        ...(colour === undefined ? [] : [`fill="${colour}"`]),
        ...(bold ? ['font-weight="bold"'] : []),
        ...(dim ? ['opacity="0.65"'] : []),
      ];
      column += [...words].length;
      return words.trim() === '' ? '' : `<tspan ${look.join(' ')}>${escaped(words)}</tspan>`;
    });
    return parts.length === 0 ? '' : `<text y="${top + row * step}">${parts.join('')}</text>`;
  });
  const [w, h] = [Math.ceil(2 * left + columns * width), top + lines.length * step];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img"`,
    `  aria-label="dynamo up, chat and down in a terminal">`,
    `<rect width="${w}" height="${h}" rx="8" fill="#0d1117"/>`,
    ...['#ff5f57', '#febc2e', '#28c840'].map(
      (fill, i) => `<circle cx="${20 + i * 20}" cy="18" r="6" fill="${fill}"/>`,
    ),
    `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" fill="#e6edf3">`,
    ...text.filter(Boolean),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}
