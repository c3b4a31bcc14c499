/** A chat with the model of a run: answers as they come, with what a person waits for: the first token, and tokens/s. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { chatAnswer, type Counted } from './answers.ts';
import { latencyText, numberText, percentText } from './format.ts';
import type { RunDetail } from './messages.ts';
import { Button, Empty, Icon } from './parts.tsx';
import type { ViewProps } from './view-props.ts';

interface Turn {
  readonly role: 'user' | 'assistant';
  readonly text: string;
  readonly reasoning: string;
  /** A data URL of what the user attached. */
  readonly image?: string | undefined;
  readonly timing?: Timing;
  readonly problem?: string;
  readonly isOpen?: boolean;
}

interface Timing extends Counted {
  readonly ttftMs?: number;
  readonly totalMs: number;
  readonly pieces: number;
}

const ideas = [
  'Explain disaggregated serving in two sentences.',
  'Write a haiku about a KV cache.',
  'List five uses of a prefix cache.',
];

/** Turns outlive a look at another view. */
const kept = new Map<string, readonly Turn[]>();

export function Chat({ run, sees }: ViewProps & { readonly run: RunDetail; readonly sees: boolean }) {
  const [turns, setTurns] = useState<readonly Turn[]>(kept.get(run.runId) ?? []);
  const [system, setSystem] = useState('');
  const [text, setText] = useState('');
  const [image, setImage] = useState<string>();
  const [maxTokens, setMaxTokens] = useState(256);
  const [temperature, setTemperature] = useState('');
  const running = useRef<AbortController>(undefined);
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    kept.set(run.runId, turns);
    end.current?.scrollIntoView({ block: 'end' });
  }, [turns]);
  useEffect(() => () => running.current?.abort(), []);
  const isBusy = turns.at(-1)?.isOpen === true;

  const send = async (asked: string): Promise<void> => {
    if (asked.trim() === '' || isBusy) return;
    const question: Turn = { role: 'user', text: asked, reasoning: '', image };
    const before = [...turns.filter(({ problem }) => problem === undefined), question];
    setText('');
    setImage(undefined);
    const begun = performance.now();
    let answer: Turn = { role: 'assistant', text: '', reasoning: '', isOpen: true };
    let counted: Counted = {};
    let ttftMs: number | undefined;
    let pieces = 0;
    const show = (more: Partial<Turn>): void => {
      answer = { ...answer, ...more };
      setTurns([...before, answer]);
    };
    const timing = (): Timing => ({
      ...counted,
      ...(ttftMs === undefined ? {} : { ttftMs }),
      totalMs: performance.now() - begun,
      pieces,
    });
    show({});
    const control = new AbortController();
    running.current = control;
    try {
      const body = {
        messages: [
          ...(system.trim() === '' ? [] : [{ role: 'system', content: system }]),
          ...before.map(messageOf),
        ],
        stream: true,
        stream_options: { include_usage: true },
        max_tokens: maxTokens,
        ...(temperature === '' ? {} : { temperature: Number(temperature) }),
      };
      for await (const event of chatAnswer({ run: run.runId, kind: 'chat', body }, control.signal)) {
        if ('usage' in event) counted = event.usage;
        else {
          ttftMs ??= performance.now() - begun;
          pieces++;
          const { piece } = event;
          if (piece.isReasoning) show({ reasoning: answer.reasoning + piece.text, timing: timing() });
          else show({ text: answer.text + piece.text, timing: timing() });
        }
      }
      show({ isOpen: false, timing: timing() });
    } catch (error) {
      const problem = control.signal.aborted
        ? undefined
        : error instanceof Error
          ? error.message
          : String(error);
      show({ isOpen: false, timing: timing(), ...(problem === undefined ? {} : { problem }) });
    }
  };

  return (
    <div class="playground">
      <div class="turns" role="log" aria-label="Conversation">
        {turns.length === 0 ? (
          <Empty title={`Ask ${run.model ?? 'the model'}`}>
            <span class="ideas">
              {ideas.map((idea) => (
                <button type="button" key={idea} onClick={() => void send(idea)}>
                  {idea}
                </button>
              ))}
            </span>
          </Empty>
        ) : (
          turns.map((turn, index) => <TurnOf key={index} turn={turn} />)
        )}
        <div ref={end} />
      </div>
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault();
          void send(text);
        }}
      >
        {image === undefined ? null : (
          <div class="attached">
            <img src={image} alt="attached" />
            <Button icon="close" label="Remove the image" quiet small onPress={() => setImage(undefined)} />
          </div>
        )}
        <textarea
          rows={2}
          placeholder="Message; Enter sends, Shift-Enter is a new line"
          aria-label="Message"
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            void send(text);
          }}
        />
        <div class="options">
          {sees ? <Attach onImage={setImage} /> : null}
          <label>
            system
            <input
              value={system}
              placeholder="none"
              onInput={({ currentTarget }) => setSystem(currentTarget.value)}
            />
          </label>
          <label>
            max tokens
            <input
              type="number"
              min={1}
              value={maxTokens}
              onInput={({ currentTarget }) => setMaxTokens(Math.max(1, Number(currentTarget.value)))}
            />
          </label>
          <label>
            temperature
            <input
              type="number"
              min={0}
              max={2}
              step={0.1}
              value={temperature}
              placeholder="default"
              onInput={({ currentTarget }) => setTemperature(currentTarget.value)}
            />
          </label>
          <span class="spring" />
          {turns.length > 0 && !isBusy ? (
            <Button label="New chat" quiet onPress={() => setTurns([])} />
          ) : null}
          {isBusy ? (
            <Button icon="stop" label="Stop" onPress={() => running.current?.abort()} />
          ) : (
            <button type="submit" class="button primary" disabled={text.trim() === ''}>
              <Icon name="send" />
              Send
            </button>
          )}
        </div>
      </form>
    </div>
  );
}

function messageOf({ role, text, image }: Turn): object {
  if (image === undefined) return { role, content: text };
  const parts = [
    { type: 'text', text },
    { type: 'image_url', image_url: { url: image } },
  ];
  return { role, content: parts };
}

function TurnOf({ turn }: { readonly turn: Turn }) {
  const { role, text, reasoning, image, timing, problem, isOpen } = turn;
  return (
    <article class={`turn ${role}`}>
      {image === undefined ? null : <img src={image} alt="attached" />}
      {reasoning === '' ? null : <p class="reasoning">{reasoning}</p>}
      <p>
        {text}
        {isOpen === true ? <i class="caret" /> : null}
      </p>
      {problem === undefined ? null : <p class="problem">{problem}</p>}
      {role === 'user' || timing === undefined ? null : <small>{timingText(timing)}</small>}
    </article>
  );
}

function timingText({ ttftMs, totalMs, pieces, outputTokens, inputTokens, cachedTokens }: Timing): string {
  const tokens = outputTokens ?? pieces;
  const seconds = ttftMs === undefined ? 0 : (totalMs - ttftMs) / 1000;
  return [
    ...(ttftMs === undefined ? [] : [`TTFT ${latencyText(ttftMs / 1000)}`]),
    ...(seconds > 0 && tokens > 1 ? [`${numberText((tokens - 1) / seconds)} tokens/s`] : []),
    `${tokens} tokens in ${latencyText(totalMs / 1000)}`,
    ...(inputTokens === undefined ? [] : [`prompt ${numberText(inputTokens)}`]),
    ...(cachedTokens === undefined || cachedTokens === 0 || inputTokens === undefined
      ? []
      : [`${percentText(cachedTokens / inputTokens)} cached`]),
  ].join(' · ');
}

function Attach({ onImage }: { readonly onImage: (url: string) => void }) {
  const read = (file: File | undefined): void => {
    if (file === undefined) return;
    const reader = new FileReader();
    reader.addEventListener('load', () => {
      if (typeof reader.result === 'string') onImage(reader.result);
    });
    reader.readAsDataURL(file);
  };
  return (
    <label class="button quiet">
      <Icon name="image" /> Image
      <input
        type="file"
        accept="image/*"
        class="unseen"
        onChange={({ currentTarget }) => read(currentTarget.files?.[0])}
      />
    </label>
  );
}
