/** What the page shows, as the fragment of its address: a link to a filtered log can be kept and sent. */
import { useEffect, useState } from 'preact/hooks';

export const views = ['overview', 'charts', 'logs', 'requests', 'playground'] as const;
export type View = (typeof views)[number];

export interface Route {
  /** The newest run where it is absent. */
  readonly runId: string | undefined;
  readonly view: View;
  /** Filters of the view. */
  readonly filters: Readonly<Record<string, string>>;
}

/** `#/RUN/VIEW?filter=value`. Anything else is the overview of the newest run. */
export function parseRoute(fragment: string): Route {
  const [path = '', query = ''] = fragment.replace(/^#\/?/, '').split('?');
  const [runId = '', view = ''] = path.split('/').map((part) => decoded(part));
  return {
    runId: runId === '' ? undefined : runId,
    view: views.find((each) => each === view) ?? 'overview',
    filters: Object.fromEntries(new URLSearchParams(query)),
  };
}

export function routeText({ runId, view, filters }: Route): string {
  const set = Object.entries(filters).filter(([, value]) => value !== '');
  const query = new URLSearchParams(Object.fromEntries(set)).toString();
  return `#/${encodeURIComponent(runId ?? '')}/${view}${query === '' ? '' : `?${query}`}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

/** `replace`: without a new entry in the history, as while somebody types. */
export function goTo(route: Route, replace = false): void {
  const text = routeText(route);
  if (text === location.hash) return;
  if (replace) history.replaceState(null, '', text);
  else history.pushState(null, '', text);
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useRoute(): Route {
  const [route, set] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const read = (): void => set(parseRoute(location.hash));
    addEventListener('hashchange', read);
    addEventListener('popstate', read);
    return () => {
      removeEventListener('hashchange', read);
      removeEventListener('popstate', read);
    };
  }, []);
  return route;
}
