import { Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

import classes from '@/components/record-header.module.css';

interface RecordHeaderProps {
  /** Links to the pages above this one. */
  crumbs: ReactNode;
  title: ReactNode;
  summary?: ReactNode;
  actions?: ReactNode;
  /** Short facts in a row. */
  children: ReactNode;
}

/** The head of a page about one thing. */
export function RecordHeader({ crumbs, title, summary, actions, children }: RecordHeaderProps) {
  return (
    <header className={classes.header}>
      <nav aria-label="Breadcrumb" className={classes.crumbs}>
        {crumbs}
      </nav>
      <div className={classes.line}>
        <Title order={1}>{title}</Title>
        {actions && <div className={classes.actions}>{actions}</div>}
      </div>
      {summary && <Text className={classes.summary}>{summary}</Text>}
      <div className={classes.facts}>{children}</div>
    </header>
  );
}
