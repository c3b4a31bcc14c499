/** Text from an option or a variable to a value of a parameter's type. */
import type { ParameterSpec } from './schema.ts';

type Value = string | number | boolean;

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

/** The value, or in words what was expected. */
export function parseValue(text: string, spec: ParameterSpec): { value: Value } | { expected: string } {
  const value = typed(text, spec.type);
  return value === undefined || !isAllowed(value, spec) ? { expected: expected(spec) } : { value };
}

/** Whether a value of the file (a default, a condition) has the type and is among the choices. */
export function isAllowed(value: Value, { type, choices }: ParameterSpec): boolean {
  const fits = type === 'integer' ? Number.isSafeInteger(value) : typeof value === type;
  return fits && (choices === undefined || choices.includes(value));
}

/** "one of 1b, 14b", "true or false", "an integer". */
export function expected({ type, choices }: ParameterSpec): string {
  if (choices !== undefined) return `one of ${choices.join(', ')}`;
  return type === 'boolean' ? 'true or false' : type;
}

/** As people write a number, and not all that JavaScript or YAML takes for one: `8e3`, `0x1F40`, `+80`, ` 80`. */
export function decimal(text: string): number | undefined {
  const number = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

function typed(text: string, type: ParameterSpec['type']): Value | undefined {
  if (type === 'string') return text;
  const word = text.trim().toLowerCase();
  if (type === 'boolean') return Object.hasOwn(truths, word) ? truths[word] : undefined;
  return type === 'integer' && !/^-?\d+$/.test(text) ? undefined : decimal(text);
}
