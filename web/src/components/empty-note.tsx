import { Text } from '@mantine/core';
import type { ReactNode } from 'react';

import classes from '@/components/empty-note.module.css';

interface EmptyNoteProps {
  title: string;
  children: ReactNode;
  action?: ReactNode;
}

/** What stands where a list is empty: why, and what to do next. */
export function EmptyNote({ title, children, action }: EmptyNoteProps) {
  return (
    <div className={classes.note}>
      <Text className={classes.title}>{title}</Text>
      <Text c="dimmed" size="sm" maw="26rem">
        {children}
      </Text>
      {action && <div className={classes.action}>{action}</div>}
    </div>
  );
}
