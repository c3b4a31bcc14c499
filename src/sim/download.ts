/** Downloads nothing, visibly: for tests of what the launcher makes of a worker that still downloads. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const everyMs = 100;
const totalGB = 5;

/** The bar of huggingface_hub's tqdm for one file, for `seconds`; it has no line end before it is full. */
export function drawDownload(seconds: number): void {
  const begin = performance.now();
  const draw = (): void => {
    const share = Math.min(1, (performance.now() - begin) / (seconds * 1000));
    const percent = String(Math.floor(share * 100)).padStart(3);
    const bar = '█'.repeat(Math.floor(share * 10)).padEnd(10);
    const size = `${(share * totalGB).toFixed(2)}G/${totalGB.toFixed(2)}G`;
    const end = share === 1 ? '\n' : '';
    process.stderr.write(`\rmodel.safetensors: ${percent}%|${bar}| ${size} [00:01<00:01, 105MB/s]${end}`);
    if (share === 1) clearInterval(timer);
  };
  const timer = setInterval(draw, everyMs);
  draw();
}

/** As the downloader in Dynamo, which says nothing: a file in the cache of the hub that grows. */
export function growFile(folder: string): void {
  mkdirSync(folder, { recursive: true });
  setInterval(() => appendFileSync(join(folder, '.modelexpress-sim'), Buffer.alloc(65_536)), everyMs).unref();
}
