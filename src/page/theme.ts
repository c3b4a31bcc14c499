/** Dark or light: as the system says, until somebody chooses. The choice stays in this browser. */
export type Theme = 'system' | 'dark' | 'light';

const key = 'dynamo-theme';
const order: readonly Theme[] = ['system', 'dark', 'light'];

/** The theme that was chosen before. */
export function applyTheme(): Theme {
  const chosen = order.find((theme) => theme === localStorage.getItem(key)) ?? 'system';
  show(chosen);
  return chosen;
}

export function nextTheme(theme: Theme): Theme {
  const next = order[(order.indexOf(theme) + 1) % order.length] ?? 'system';
  localStorage.setItem(key, next);
  show(next);
  return next;
}

function show(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
}
