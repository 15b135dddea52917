import { Paper, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

import { Logo } from '@/components/logo';
import classes from '@/features/session/components/auth-card.module.css';

interface AuthCardProps {
  title: string;
  children: ReactNode;
  footer: ReactNode;
}

/** The one card of the pages before signing in. */
export function AuthCard({ title, children, footer }: AuthCardProps) {
  return (
    <main className={classes.page}>
      <div className={classes.brand}>
        <Logo size={36} />
        <Text className={classes.name}>AI-Agents Platform</Text>
      </div>
      <Paper className={classes.card}>
        <Title order={1} className={classes.title}>
          {title}
        </Title>
        {children}
      </Paper>
      <Text c="dimmed" size="sm">
        {footer}
      </Text>
    </main>
  );
}
