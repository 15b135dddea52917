import { partsOf } from '@/components/schema-view/parts';
import { Records } from '@/components/schema-view/records';
import { Scalar } from '@/components/schema-view/scalar';
import classes from '@/components/schema-view/schema-view.module.css';
import { useView, type ValueViewProps } from '@/components/schema-view/view-context';
import { resolve } from '@/lib/json-schema/resolve';
import { isObject } from '@/lib/json-schema/types';

/** Any value: a table for objects in a list, a list for other lists, pairs for an object, else the value itself. */
export function ValueView({ value, schema: given }: ValueViewProps) {
  const { root } = useView();
  if (Array.isArray(value)) {
    const items = resolve(given, root).schema.items ?? {};
    if (value.length === 0) return <span className={classes.nothing}>none</span>;
    if (value.every(isObject)) return <Records records={value} schema={items} />;
    return (
      <ul className={classes.bullets}>
        {value.map((item, index) => (
          <li key={index}>
            <ValueView value={item} schema={items} />
          </li>
        ))}
      </ul>
    );
  }
  if (isObject(value)) {
    const parts = partsOf(value, given, root);
    if (parts.length === 0) return <span className={classes.nothing}>none</span>;
    return (
      <dl className={classes.pairs}>
        {parts.map((part) => (
          <div key={part.name} className={classes.pair} data-block={part.weight !== 'headline' || undefined}>
            <dt title={part.description}>{part.title}</dt>
            <dd>
              <ValueView value={part.value} schema={part.schema} />
            </dd>
          </div>
        ))}
      </dl>
    );
  }
  return <Scalar value={value} schema={given} />;
}
