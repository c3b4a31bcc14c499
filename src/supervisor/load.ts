/** How far a process has got before it is ready: what it does, and what is known about how much of it is done. */

export interface LoadProgress {
  readonly doing: 'downloading' | 'loading';
  /** A file, or a step in the words of the log. */
  readonly what: string;
  /** From 0 to 100. */
  readonly percent?: number;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  readonly bytesPerSecond?: number;
}

/** Tells about progress as long as a process is not ready; an adapter reads its log and the cache of models. */
export interface LoadWatcher {
  /** Calls `onProgress` only when the process has got on; the function that it returns ends the watch. */
  watch(process: string, onProgress: (progress: LoadProgress) => void): () => void;
}

/** `model-00001.safetensors 52% (2.6 of 5.0 GB, 105 MB/s)`. */
export function progressText({ what, percent, doneBytes, totalBytes, bytesPerSecond }: LoadProgress): string {
  const amount =
    doneBytes === undefined
      ? undefined
      : totalBytes === undefined
        ? sizeText(doneBytes)
        : `${sizeText(doneBytes)} of ${sizeText(totalBytes)}`;
  const speed = bytesPerSecond === undefined ? undefined : `${sizeText(bytesPerSecond)}/s`;
  const facts = [amount, speed].filter((fact) => fact !== undefined);
  return [
    what,
    ...(percent === undefined ? [] : [`${Math.floor(percent)}%`]),
    ...(facts.length === 0 ? [] : [`(${facts.join(', ')})`]),
  ].join(' ');
}

/** In powers of 1000, as downloads are counted. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  const amount = bytes / 1000 ** power;
  return `${amount >= 100 || power === 0 ? Math.round(amount) : amount.toFixed(1)} ${units[power]}`;
}
