// Lines of 100 bytes through the launcher into a file: how many per second, and whether they are complete.
import { createReadStream, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import { launch, now, untilEvents } from './launched.js';

const lines = 1_000_000;
/** Launchers slower than this (lines per second) get a tenth of the lines. */
const slow = 100_000;
const quietMs = 800;
const limitMs = 60_000;

const size = (file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Waits until all writers are done and no output has come for a while; returns when the last came. */
async function untilQuiet(launched, done) {
  const beganAt = now();
  let last = { bytes: size(launched.output()), at: now() };
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 4));
    const bytes = size(launched.output());
    if (bytes !== last.bytes) last = { bytes, at: now() };
    const quiet = now() - last.at > quietMs;
    if (quiet && launched.events().filter(({ kind }) => kind === 'D').length >= done) return last.at;
    if (now() - beganAt > limitMs) return last.at;
  }
}

/** Starts all writers at once; returns lines per second from the first byte written to the last received. */
async function throughput(launched, writers, each) {
  const before = launched.events().filter(({ kind }) => kind === 'D').length;
  const tellAt = now();
  await Promise.all(Array.from({ length: writers }, (_, i) => launched.poke(i, `/spew/${each}`)));
  const endAt = await untilQuiet(launched, before + writers);
  const begin = launched.events().find(({ kind, at }) => kind === 'W' && at >= tellAt);
  return (writers * each) / ((endAt - begin.at) / 1000);
}

/** Complete lines, and lines that contain part of one. */
async function integrity(file) {
  const counts = { whole: 0, broken: 0 };
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (!line.includes('xx')) continue;
    const plain = line.includes('\u001b') ? stripVTControlCharacters(line) : line;
    // A launcher's prefix ends with a space or bracket; the rest is one number and its 86 letters.
    if (/^(.*[^x\d])?\d{12} x{86}$/.test(plain) && plain.indexOf('xx') === plain.length - 86) counts.whole++;
    else counts.broken++;
  }
  return counts;
}

export const logs = {
  name: 'logs',
  title: 'Logs, lines of 100 bytes into a file',
  rounds: 2,
  metrics: {
    one: { title: 'one writer', unit: 'k lines/s', goal: '≥ 1800 k lines/s', more: true },
    four: { title: 'four writers at once', unit: 'k lines/s', more: true },
    broken: { title: 'broken lines', unit: '', goal: '0' },
    lost: { title: 'lines lost (those broken included)', unit: '', goal: '0' },
  },
  measure: async (target) => {
    const launched = await launch(target, { count: 4, watchReady: true });
    try {
      await untilEvents(launched, 'R', 4);
      await launched.settled();
      const trial = 20_000;
      const pace = await throughput(launched, 1, trial);
      const amount = pace < slow ? lines / 10 : lines;
      const one = await throughput(launched, 1, amount);
      const four = await throughput(launched, 4, amount / 4);
      const { whole, broken } = await integrity(launched.output());
      await launched.stop();
      return { one: one / 1000, four: four / 1000, broken, lost: trial + 2 * amount - whole };
    } finally {
      await launched.cleanUp();
    }
  },
};
