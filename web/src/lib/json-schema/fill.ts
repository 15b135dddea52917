import { isScalar, propertiesOf, resolve } from '@/lib/json-schema/resolve';
import { isObject, type Json, type JsonObject, type Path, type Schema } from '@/lib/json-schema/types';

/** A new value with one place replaced; objects and arrays on the way are made where they are missing. */
export function withValueAt(value: Json | undefined, path: Path, next: Json | undefined): Json | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return next;
  if (typeof step === 'number') {
    const items = Array.isArray(value) ? [...value] : [];
    items[step] = withValueAt(items[step], rest, next) ?? null;
    return items;
  }
  const entries = isObject(value) ? value : {};
  return { ...entries, [step]: withValueAt(entries[step], rest, next) };
}

/** What a form starts a new, empty part with. */
export function blank(schema: Schema, root: Schema): Json | undefined {
  const { kind, schema: flat } = resolve(schema, root);
  if (flat.default !== undefined) return flat.default;
  if (kind === 'map') return {};
  if (kind === 'array') return Array.from({ length: flat.minItems ?? 0 }, () => blank(flat.items ?? {}, root) ?? '');
  if (kind !== 'object') return undefined;
  const value: JsonObject = {};
  for (const [name, part, required] of propertiesOf(flat)) {
    const start = required ? blank(part, root) : undefined;
    if (start !== undefined) value[name] = start;
  }
  return value;
}

/**
 * The value as it is sent: blank optional parts are left out, blank items dropped, figures typed as text become
 * numbers where they are numbers, and what is blank but must be present is null where the schema allows null.
 */
export function complete(value: Json | undefined, schema: Schema, root: Schema): Json | undefined {
  const { kind, schema: flat, nullable } = resolve(schema, root);
  if (isBlank(value)) return value === null && nullable ? null : undefined;
  if (kind === 'object' && isObject(value)) {
    const parts = new Map(propertiesOf(flat).map(([name, part, required]) => [name, { part, required }]));
    const whole: JsonObject = {};
    for (const [name, given] of Object.entries(value)) {
      const known = parts.get(name);
      const sent = known ? complete(given, known.part, root) : given;
      if (sent !== undefined) whole[name] = sent;
    }
    for (const [name, { part, required }] of parts) {
      if (required && whole[name] === undefined && resolve(part, root).nullable) whole[name] = null;
    }
    return whole;
  }
  if (kind === 'array' && Array.isArray(value) && flat.items) {
    const items = flat.items;
    return value.map((item) => complete(item, items, root)).filter((item) => item !== undefined);
  }
  if ((kind === 'number' || kind === 'integer') && typeof value === 'string') {
    const figure = Number(value);
    return Number.isFinite(figure) ? figure : value;
  }
  return value;
}

/** The paths of parts that the schema requires and that a completed value lacks. */
export function missing(value: Json | undefined, schema: Schema, root: Schema, path: Path = []): Path[] {
  const { kind, schema: flat } = resolve(schema, root);
  if (kind === 'object' && isObject(value)) {
    return propertiesOf(flat).flatMap(([name, part, required]) => {
      const place = [...path, name];
      if (value[name] !== undefined) return missing(value[name], part, root, place);
      return required ? (isScalar(resolve(part, root).kind) ? [place] : missingInside(part, root, place)) : [];
    });
  }
  if (kind === 'array' && Array.isArray(value) && flat.items) {
    const items = flat.items;
    return value.flatMap((item, index) => missing(item, items, root, [...path, index]));
  }
  return [];
}

/** A required object that is wholly absent is shown by its own required fields, where the reader can fill them in. */
function missingInside(schema: Schema, root: Schema, path: Path): Path[] {
  const inside = resolve(schema, root).kind === 'object' ? missing({}, schema, root, path) : [];
  return inside.length > 0 ? inside : [path];
}

function isBlank(value: Json | undefined): boolean {
  return value === undefined || value === null || value === '';
}
