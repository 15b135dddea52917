import { titleOf } from '@/lib/json-schema/titles';
import { asText, type Json, type JsonObject, type Schema } from '@/lib/json-schema/types';

/** Characters from which a text says more than a label. */
const LONG = 32;
const MOST_CHARACTERS = 600;
const MOST_PARTS = 4;

/** The part of an input that says most in a line or two: its longest text, else its first short values by name. */
export function gistOf(input: JsonObject, schema?: Schema): { text: string; isWhole: boolean } {
  const values = Object.entries(input).filter(([, value]) => value !== undefined && value !== null);
  const texts = values.flatMap(([, value]) => (typeof value === 'string' ? [value] : []));
  const longest = texts.reduce((found, text) => (text.length > found.length ? text : found), '');
  if (longest.length > LONG || (texts.length === 1 && values.length === 1)) {
    return { text: cut(longest), isWhole: values.length === 1 && longest.length <= MOST_CHARACTERS };
  }
  const named = values
    .filter(([, value]) => typeof value !== 'object')
    .slice(0, MOST_PARTS)
    .map(([name, value]) => `${titleOf(name, schema?.properties?.[name])}: ${asText(value)}`);
  const text = named.length > 0 ? named.join(' · ') : values.map(([name, value]) => counted(name, value)).join(' · ');
  return { text, isWhole: named.length === values.length };
}

/**
 * What the next turn of a conversation begins with: what each turn has to say, without its long texts, since those are
 * what is new. The rest was said, and is remembered.
 */
export function nextTurn(input: JsonObject, schema: Schema): JsonObject {
  const needed = schema.required ?? [];
  return Object.fromEntries(
    Object.entries(input).filter(
      ([name, value]) => needed.includes(name) && (typeof value !== 'string' || value.length <= LONG),
    ),
  );
}

function counted(name: string, value: Json | undefined): string {
  return Array.isArray(value) ? `${titleOf(name)}: ${value.length}` : titleOf(name);
}

function cut(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS).trimEnd()} …` : text;
}
