/** The small parts that the views are made of. All text is text: nothing in the page sets HTML. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Condition } from './wiring.ts';

const paths = {
  restart: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  stop: 'M4.5 4.5h7v7h-7z',
  start: 'M5 3.5v9l7.5-4.5z',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  done: 'M3 8.5l3.2 3.2L13 5',
  log: 'M2.5 4h11M2.5 8h11M2.5 12h7',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.5 10.5l3 3',
  close: 'M4 4l8 8M12 4l-8 8',
  send: 'M2.5 8h10M8.5 4l4 4-4 4',
  warn: 'M8 2.2l6.3 11.3H1.7zM8 6.5v3.2M8 11.6v.2',
  image: 'M2.5 3.5h11v9h-11zM2.5 11l3.2-3 2.3 2 2.5-2.7 3 3.2',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

export function Pill({ tone, word }: Condition) {
  return (
    <span class={`pill ${tone}`}>
      <i class="dot" />
      {word}
    </span>
  );
}

interface CardProps {
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Card({ title, note, actions, class: more = '', children }: CardProps) {
  return (
    <section class={`card ${more}`}>
      <header>
        <h2>{title}</h2>
        {note === undefined ? null : <span class="note">{note}</span>}
        {actions === undefined ? null : <span class="actions">{actions}</span>}
      </header>
      {children}
    </section>
  );
}

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <b>{title}</b>
      {children === undefined ? null : <p>{children}</p>}
    </div>
  );
}

interface ButtonProps {
  readonly icon?: IconName;
  readonly label: string;
  /** What it will do; shown while the pointer rests on it. */
  readonly title?: string;
  readonly quiet?: boolean;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  /** The icon alone; the label is for readers of the screen. */
  readonly small?: boolean;
  readonly onPress: () => void;
}

export function Button(props: ButtonProps) {
  const { icon, label, title, quiet, danger, disabled, small, onPress } = props;
  const kind = `button${quiet === true ? ' quiet' : ''}${danger === true ? ' danger' : ''}${small === true ? ' small' : ''}`;
  return (
    <button
      type="button"
      class={kind}
      title={title ?? label}
      aria-label={label}
      disabled={disabled === true}
      onClick={onPress}
    >
      {icon === undefined ? null : <Icon name={icon} />}
      {small === true ? null : label}
    </button>
  );
}

const saysCopiedMs = 1_200;

export function Copy({
  text,
  label = 'Copy',
}: {
  readonly text: string | (() => string);
  readonly label?: string;
}) {
  const [done, setDone] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(typeof text === 'string' ? text : text());
    setDone(true);
    setTimeout(() => setDone(false), saysCopiedMs);
  };
  return (
    <Button
      icon={done ? 'done' : 'copy'}
      label={done ? 'Copied' : label}
      quiet
      small
      onPress={() => void copy()}
    />
  );
}

export interface Question {
  readonly title: string;
  readonly text: readonly string[];
  readonly label: string;
  readonly danger?: boolean;
  readonly run: () => Promise<void>;
}

/** Says what a button will do before it is done; Escape leaves. */
export function Confirm({
  question,
  onClose,
}: {
  readonly question: Question;
  readonly onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-label={question.title}>
      <h2>{question.title}</h2>
      {question.text.map((line) => (
        <p key={line}>{line}</p>
      ))}
      <footer>
        <Button label="Cancel" quiet onPress={onClose} />
        <Button
          label={question.label}
          danger={question.danger === true}
          onPress={() => {
            onClose();
            void question.run();
          }}
        />
      </footer>
    </dialog>
  );
}

export interface Notice {
  readonly id: number;
  readonly tone: 'good' | 'bad';
  readonly text: string;
  readonly hint?: string | undefined;
}

export function Notices({
  notices,
  onClose,
}: {
  readonly notices: readonly Notice[];
  readonly onClose: (id: number) => void;
}) {
  return (
    <div class="notices" role="status">
      {notices.map(({ id, tone, text, hint }) => (
        <div key={id} class={`notice ${tone}`}>
          <div>
            {text}
            {hint === undefined ? null : <code>{hint}</code>}
          </div>
          <Button icon="close" label="Close" quiet small onPress={() => onClose(id)} />
        </div>
      ))}
    </div>
  );
}

/** The width of an element, as it changes: drawings are made for it, so that their text keeps its size. */
export function useWidth<E extends HTMLElement>() {
  const ref = useRef<E>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);
  return { ref, width };
}

/** Now, once a second: ages and bars that last move on. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
