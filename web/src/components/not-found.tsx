import { Button, Text, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import classes from '@/components/not-found.module.css';

const LISTS = {
  '/': 'agents',
  '/workflows': 'workflows',
  '/runs': 'runs',
  '/approvals': 'approvals',
} as const;

interface NotFoundProps {
  title: string;
  /** The list that leads on. */
  back?: keyof typeof LISTS;
  children: ReactNode;
}

/** What is asked for is not there, and the way back. */
export function NotFound({ title, back = '/', children }: NotFoundProps) {
  return (
    <div className={classes.note}>
      <Text className={classes.code}>404</Text>
      <Title order={1}>{title}</Title>
      <Text c="dimmed" mt="xs" maw="30rem">
        {children}
      </Text>
      <Button mt="xl" renderRoot={(props) => <Link {...props} to={back} />}>
        Back to the {LISTS[back]}
      </Button>
    </div>
  );
}
