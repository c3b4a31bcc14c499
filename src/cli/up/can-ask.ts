/** Whether somebody can be asked: both ends of the terminal are there. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}
