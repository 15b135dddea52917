import classes from '@/components/schema-view/schema-view.module.css';
import type { Part } from '@/components/schema-view/parts';
import { Scalar } from '@/components/schema-view/scalar';

/** Short values side by side: the verdict, the amount, the grade. */
export function Headline({ parts }: { parts: Part[] }) {
  return (
    <dl className={classes.headline}>
      {parts.map((part) => (
        <div key={part.name} className={classes.figure}>
          <dt title={part.description}>{part.title}</dt>
          <dd>
            <Scalar value={part.value} schema={part.schema} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
