import { Title } from '@mantine/core';

import type { Part } from '@/components/schema-view/parts';
import classes from '@/components/schema-view/schema-view.module.css';
import { useView } from '@/components/schema-view/view-context';

/** Named values one below the other, each under its heading. */
export function Entries({ parts, level }: { parts: Part[]; level: 3 | 4 }) {
  const { ValueView } = useView();
  return parts.map((part) => (
    <section key={part.name} className={classes.entry}>
      <Title order={level} className={classes.heading}>
        {part.title}
        {Array.isArray(part.value) && part.value.length > 1 && (
          <span className={classes.count}>{part.value.length}</span>
        )}
      </Title>
      {part.description && <p className={classes.description}>{part.description}</p>}
      <ValueView value={part.value} schema={part.schema} />
    </section>
  ));
}
