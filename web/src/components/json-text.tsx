import classes from '@/components/json-text.module.css';
import type { Json } from '@/lib/json-schema/types';

/** A value as indented JSON. */
export function JsonText({ label, value }: { label: string; value: Json }) {
  return (
    <pre className={classes.json} tabIndex={0} role="group" aria-label={label}>
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}
