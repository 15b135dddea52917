import { sampleAt } from '@/components/schema-form/form-context';
import { isScalar, propertiesOf, resolve } from '@/lib/json-schema/resolve';
import type { Json, Path, Schema } from '@/lib/json-schema/types';

const LONG_TEXT = 70;
const MIDDLE_TEXT = 18;
const LONG_DESCRIPTION = 60;
const MOST_COLUMNS = 7;

/** How much of a row a field takes: all of it, two columns, or one. */
export function widthOf(
  part: Schema,
  value: Json | undefined,
  sample: Json | undefined,
  path: Path,
  root: Schema,
): 'full' | 'double' | undefined {
  const { kind, schema } = resolve(part, root);
  if (!isScalar(kind)) return 'full';
  const texts = [value, sampleAt(sample, path)].filter((text) => typeof text === 'string');
  const description = schema.description?.length ?? 0;
  if (description > LONG_DESCRIPTION || texts.some(isLongText)) return 'full';
  return description > LONG_DESCRIPTION / 2 || texts.some((text) => text.length > MIDDLE_TEXT) ? 'double' : undefined;
}

export function isLongText(text: string): boolean {
  return text.length > LONG_TEXT || text.includes('\n');
}

/** Whether the items of an array fit into the rows of a table: a few single values each. */
export function isTabular(items: Schema, root: Schema): boolean {
  const { kind, schema } = resolve(items, root);
  const parts = kind === 'object' ? propertiesOf(schema) : [];
  return (
    parts.length > 1 &&
    parts.length <= MOST_COLUMNS &&
    parts.every(([, part]) => {
      const { kind: partKind } = resolve(part, root);
      return isScalar(partKind) && partKind !== 'boolean';
    })
  );
}
