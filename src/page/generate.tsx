/** One request with one whole answer: an embedding, an image or a video. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Whole, wholeAnswer } from './answers.ts';
import { latencyText } from './format.ts';
import type { RunDetail, TryRequest } from './messages.ts';
import { Button, Copy, Empty } from './parts.tsx';
import type { ViewProps } from './view-props.ts';

type Kind = 'embedding' | 'image' | 'video';

const words: Readonly<
  Record<Kind, { readonly title: string; readonly idea: string; readonly label: string }>
> = {
  embedding: { title: 'Embed a text', idea: 'Prefill and decode run in separate workers.', label: 'Embed' },
  image: { title: 'Make an image', idea: 'A golden retriever riding a skateboard', label: 'Make the image' },
  video: { title: 'Make a video', idea: 'Waves at a beach, at dusk', label: 'Make the video' },
};

interface Done {
  readonly asked: string;
  readonly answer?: Whole;
  readonly problem?: string;
  readonly tookMs: number;
}

export function Generate({ run, kind }: ViewProps & { readonly run: RunDetail; readonly kind: Kind }) {
  const [text, setText] = useState(words[kind].idea);
  const [size, setSize] = useState('256x256');
  const [done, setDone] = useState<readonly Done[]>([]);
  const [since, setSince] = useState<number>();
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const send = async (): Promise<void> => {
    const begun = performance.now();
    const control = new AbortController();
    running.current = control;
    setSince(begun);
    const request: TryRequest = { run: run.runId, kind, body: bodyOf(kind, text, size) };
    const result = await wholeAnswer(request, control.signal).then(
      (answer) => ({ answer }),
      (error: unknown) => ({ problem: error instanceof Error ? error.message : String(error) }),
    );
    setSince(undefined);
    setDone((all) => [{ asked: text, ...result, tookMs: performance.now() - begun }, ...all.slice(0, 9)]);
  };
  return (
    <div class="playground">
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <textarea
          rows={2}
          aria-label={words[kind].title}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
        <div class="options">
          {kind === 'embedding' ? null : (
            <label>
              size
              <select value={size} onChange={({ currentTarget }) => setSize(currentTarget.value)}>
                {['256x256', '512x512', '1024x1024'].map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </select>
            </label>
          )}
          <span class="spring" />
          {since === undefined ? (
            <button type="submit" class="button primary" disabled={text.trim() === ''}>
              {words[kind].label}
            </button>
          ) : (
            <Button icon="stop" label="Stop" onPress={() => running.current?.abort()} />
          )}
        </div>
      </form>
      <div class="turns">
        {done.length === 0 ? (
          <Empty title={words[kind].title}>
            {since === undefined ? 'The answer appears here.' : 'Waiting for the answer.'}
          </Empty>
        ) : (
          done.map((each, index) => <Result key={done.length - index} kind={kind} done={each} />)
        )}
      </div>
    </div>
  );
}

function bodyOf(kind: Kind, text: string, size: string): Record<string, unknown> {
  if (kind === 'embedding') return { input: text };
  const common = { prompt: text, size, response_format: 'b64_json' };
  return kind === 'video' ? { ...common, seconds: 1 } : common;
}

function Result({ kind, done }: { readonly kind: Kind; readonly done: Done }) {
  const { asked, answer, problem, tookMs } = done;
  return (
    <article class="turn assistant">
      <p class="soft">{asked}</p>
      {problem === undefined ? null : <p class="problem">{problem}</p>}
      {answer?.vector === undefined ? null : <Vector numbers={answer.vector} />}
      {answer?.media.map(({ base64, url }, index) =>
        base64 === undefined ? (
          <p key={index}>
            Written to <code>{url}</code>
          </p>
        ) : kind === 'image' ? (
          <img key={index} src={`data:${typeOf(base64)};base64,${base64}`} alt={asked} />
        ) : (
          <video key={index} controls src={`data:video/mp4;base64,${base64}`} />
        ),
      )}
      <small>{latencyText(tookMs / 1000)}</small>
    </article>
  );
}

/** Only pictures of points: SVG could hold more. */
function typeOf(base64: string): string {
  return base64.startsWith('/9j/') ? 'image/jpeg' : base64.startsWith('UklGR') ? 'image/webp' : 'image/png';
}

const shownBars = 256;

function Vector({ numbers }: { readonly numbers: readonly number[] }) {
  const highest = Math.max(...numbers.map(Math.abs)) || 1;
  const shown = numbers.slice(0, shownBars);
  return (
    <div class="vector">
      <svg
        viewBox={`0 0 ${shown.length * 4} 60`}
        preserveAspectRatio="none"
        role="img"
        aria-label="The numbers of the vector"
      >
        {shown.map((value, index) => {
          const height = (28 * Math.abs(value)) / highest;
          return (
            <rect
              key={index}
              x={index * 4}
              y={value > 0 ? 30 - height : 30}
              width="3"
              height={height}
              class={value > 0 ? 'up' : 'down'}
            />
          );
        })}
      </svg>
      <p>
        {numbers.length} numbers, length {Math.hypot(...numbers).toFixed(3)}
        <Copy text={JSON.stringify(numbers)} label="Copy the vector" />
      </p>
    </div>
  );
}
