import { Entries } from '@/components/schema-view/entries';
import { Headline } from '@/components/schema-view/headline';
import classes from '@/components/schema-view/schema-view.module.css';
import { ViewContext } from '@/components/schema-view/view-context';
import { partsOf } from '@/components/schema-view/parts';
import { ValueView } from '@/components/schema-view/value-view';
import type { Json, Schema } from '@/lib/json-schema/types';

/**
 * A value laid out for reading: verdicts and figures on top, then texts, lists and tables in the author's order.
 * Without a schema (the agent may be gone) the shape is taken from the value.
 */
export function SchemaView({ value, schema }: { value: Json; schema?: Schema | undefined }) {
  const root = schema ?? {};
  const parts = partsOf(value, root, root);
  const headline = parts.filter((part) => part.weight === 'headline');
  const rest = parts.filter((part) => part.weight !== 'headline');
  return (
    <ViewContext value={{ root, ValueView }}>
      <div className={classes.view}>
        {headline.length > 0 && <Headline parts={headline} />}
        {parts.length > 0 ? <Entries parts={rest} level={3} /> : <ValueView value={value} schema={root} />}
      </div>
    </ViewContext>
  );
}
