/** Numbers and times as the page writes them: short, and as wide as their neighbours. */

/** `350 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export function durationText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 1) return `${Math.round(ms)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24];
  const minutes = Math.floor(seconds / 60) % 60;
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${Math.floor(seconds) % 60} s`;
}

/** Of a moment, in the time zone of the browser: `14:03:22`. */
export function clockText(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

/** `14:03:22.417`. */
export function preciseClock(at: number): string {
  return `${clockText(at)}.${String(Math.floor(at) % 1000).padStart(3, '0')}`;
}

/** `29 Nov, 14:03`. */
export function dateText(at: number): string {
  const date = new Date(at);
  const day = date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  return `${day}, ${date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}`;
}

/** At most three digits that count: `0.42`, `4.2`, `42`, `4,200`. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return size >= 10 ? value.toFixed(0) : size >= 1 ? value.toFixed(1) : value.toFixed(2);
}

/** Of latencies in seconds: `8.4 ms`, `350 ms`, `2.10 s`. */
export function latencyText(seconds: number): string {
  const ms = seconds * 1000;
  if (ms === 0) return '0';
  if (ms >= 1000) return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

export function percentText(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return '<0.1%';
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.round(percent)}%`;
}
