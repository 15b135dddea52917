import { type Kind, resolve } from '@/lib/json-schema/resolve';
import { titleOf } from '@/lib/json-schema/titles';
import { asText, type JsonObject, type Schema } from '@/lib/json-schema/types';

export interface Column {
  name: string;
  title: string;
  description: string | undefined;
  schema: Schema;
  kind: Kind;
}

/** Characters from which a text wants more than a column. */
const LONG = 40;
/** One long text still fits beside this many short columns. */
const SHORT_BESIDE_LONG = 2;

/** Which properties stand in the row and which below it. */
export function columnsOf(records: JsonObject[], given: Schema, root: Schema): { inRow: Column[]; below: Column[] } {
  const { schema } = resolve(given, root);
  const names = new Set([...Object.keys(schema.properties ?? {}), ...records.flatMap((record) => Object.keys(record))]);
  const columns = [...names]
    .filter((name) => records.some((record) => record[name] !== undefined))
    .map((name): Column => {
      const part = schema.properties?.[name] ?? {};
      const { kind, schema: own } = resolve(part, root);
      return {
        name,
        title: titleOf(name, own),
        description: own.description,
        schema: part,
        kind: shownKind(kind, records, name),
      };
    });
  const short = columns.filter((column) => !isLong(records, column.name));
  const long = columns.filter((column) => isLong(records, column.name));
  const fits =
    long.length === 0 || (long.length === 1 && short.length <= SHORT_BESIDE_LONG && !hasParts(records, long[0]?.name));
  return fits ? { inRow: columns, below: [] } : { inRow: short, below: long };
}

function isLong(records: JsonObject[], name: string): boolean {
  return hasParts(records, name) || records.some((record) => asText(record[name]).length > LONG);
}

function hasParts(records: JsonObject[], name: string | undefined): boolean {
  return name !== undefined && records.some((record) => typeof record[name] === 'object' && record[name] !== null);
}

/** Without a schema the values tell which columns hold figures. */
function shownKind(kind: Kind, records: JsonObject[], name: string): Kind {
  if (kind !== 'json') return kind;
  return records.every((record) => ['number', 'undefined'].includes(typeof record[name])) ? 'number' : kind;
}
