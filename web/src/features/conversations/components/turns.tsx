import { Button, Skeleton, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { listTurnsOptions } from '@/features/conversations/api/list-turns';
import { AnsweredTurn } from '@/features/conversations/components/answered-turn';
import classes from '@/features/conversations/components/conversation.module.css';
import type { Schema } from '@/lib/json-schema/types';

interface TurnsProps {
  conversationId: string;
  inputSchema: Schema | undefined;
  outputSchema: Schema | undefined;
  /** The turn that is being answered, or why it was not. */
  children?: ReactNode;
}

/** What was said, the oldest of it first; earlier turns on demand. */
export function Turns({ conversationId, inputSchema, outputSchema, children }: TurnsProps) {
  const turns = useInfiniteQuery(listTurnsOptions(conversationId));
  const known = turns.data?.pages.flatMap((page) => page.items).sort((one, other) => one.number - other.number) ?? [];
  if (turns.isError && !turns.data) {
    return <ProblemAlert error={turns.error} onRetry={() => void turns.refetch()} />;
  }
  if (turns.isPending)
    return <Skeleton height={220} radius="lg" mb="xl" role="status" aria-label="Loading the conversation" />;
  return (
    <>
      {turns.hasNextPage && (
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          mb="md"
          loading={turns.isFetchingNextPage}
          onClick={() => void turns.fetchNextPage()}
        >
          Show earlier turns
        </Button>
      )}
      {known.length === 0 && !children && (
        <Text c="dimmed" mb="lg">
          Nothing was said yet. The agent remembers each turn and answers the next one in its light.
        </Text>
      )}
      {/* A new answer is read out when it comes. */}
      <div role="log" aria-label="Turns">
        <ol className={classes.turns}>
          {known.map((turn) => (
            <AnsweredTurn key={turn.number} turn={turn} inputSchema={inputSchema} outputSchema={outputSchema} />
          ))}
        </ol>
      </div>
      {children}
    </>
  );
}
