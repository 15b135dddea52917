import { SchemaView } from '@/components/schema-view/schema-view';
import classes from '@/features/conversations/components/conversation.module.css';
import { gistOf } from '@/lib/json-schema/gist';
import type { JsonObject, Schema } from '@/lib/json-schema/types';

/** What the reader asked: the gist of it, and the whole input on demand. */
export function Asked({ input, schema }: { input: JsonObject; schema: Schema | undefined }) {
  const { text, isWhole } = gistOf(input, schema);
  return (
    <div className={classes.asked}>
      <p className={classes.gist}>{text}</p>
      {!isWhole && (
        <details className={classes.whole}>
          <summary>Whole input</summary>
          <SchemaView value={input} schema={schema} />
        </details>
      )}
    </div>
  );
}
