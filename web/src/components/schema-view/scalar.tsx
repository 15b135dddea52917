import { Badge } from '@mantine/core';

import classes from '@/components/schema-view/schema-view.module.css';
import { useView } from '@/components/schema-view/view-context';
import { formatDate, formatMoment, formatNumber } from '@/lib/format';
import { resolve } from '@/lib/json-schema/resolve';
import { choiceLabel } from '@/lib/json-schema/titles';
import { asText, type Json, type Schema } from '@/lib/json-schema/types';

/** One value without parts. */
export function Scalar({ value, schema: given }: { value: Json; schema: Schema }) {
  const { root } = useView();
  const { kind, schema } = resolve(given, root);
  if (value === null) return <span className={classes.nothing}>none</span>;
  if (kind === 'enum') return <Badge className={classes.badge}>{choiceLabel(value)}</Badge>;
  if (typeof value === 'number') return <span className={classes.number}>{formatNumber(value)}</span>;
  if (typeof value === 'boolean') return <span>{value ? 'Yes' : 'No'}</span>;
  const text = asText(value);
  if (text === '') return <span className={classes.nothing}>empty</span>;
  if (schema.format === 'date') return <span>{formatDate(text)}</span>;
  if (schema.format === 'date-time') return <span>{formatMoment(text)}</span>;
  return <Text text={text} />;
}

/** Text keeps its lines; what looks like code or a message keeps its columns as well. */
function Text({ text }: { text: string }) {
  if (!text.includes('\n')) return <span className={classes.text}>{text}</span>;
  const isCode = /^( {2,}|\t|[{}[\]<>$#]|[\w-]+: )/m.test(text);
  return isCode ? <pre className={classes.code}>{text.trimEnd()}</pre> : <span className={classes.text}>{text}</span>;
}
