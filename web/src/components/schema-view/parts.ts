import { resolve } from '@/lib/json-schema/resolve';
import { titleOf } from '@/lib/json-schema/titles';
import { isObject, type Json, type Schema } from '@/lib/json-schema/types';

/** A named value of an object, with how much room it wants. */
export interface Part {
  name: string;
  title: string;
  description: string | undefined;
  value: Json;
  schema: Schema;
  weight: 'headline' | 'text' | 'block';
}

const SHORT = 32;

/** The parts of an object in the order of its schema, then what the schema does not name. */
export function partsOf(value: Json, schema: Schema, root: Schema): Part[] {
  if (!isObject(value)) return [];
  const { schema: flat } = resolve(schema, root);
  const others = typeof flat.additionalProperties === 'object' ? flat.additionalProperties : {};
  const known = Object.keys(flat.properties ?? {});
  const names = [
    ...known.filter((name) => name in value),
    ...Object.keys(value).filter((name) => !known.includes(name)),
  ];
  return names.flatMap((name) => {
    const part = value[name];
    if (part === undefined) return [];
    const partSchema = flat.properties?.[name] ?? others;
    const { schema: own } = resolve(partSchema, root);
    const title = known.includes(name) ? titleOf(name, own) : plainName(name);
    return [{ name, title, description: own.description, value: part, schema: partSchema, weight: weightOf(part) }];
  });
}

/** Keys of a map are the caller's own words; only code-like ones are put into words. */
function plainName(name: string): string {
  return /^[a-z0-9]+(_[a-z0-9]+)*$/.test(name) ? titleOf(name) : name;
}

function weightOf(value: Json): Part['weight'] {
  if (typeof value === 'object' && value !== null) return 'block';
  return typeof value === 'string' && (value.length > SHORT || value.includes('\n')) ? 'text' : 'headline';
}
