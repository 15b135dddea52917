import { Anchor, Text, VisuallyHidden } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import { SchemaView } from '@/components/schema-view/schema-view';
import type { Turn } from '@/features/conversations/api/list-turns';
import { Asked } from '@/features/conversations/components/asked';
import classes from '@/features/conversations/components/conversation.module.css';
import { formatMoment } from '@/lib/format';
import type { JsonObject, Schema } from '@/lib/json-schema/types';

interface AnsweredTurnProps {
  turn: Turn;
  inputSchema: Schema | undefined;
  outputSchema: Schema | undefined;
}

/** What was asked, in short, and what the agent answered. */
export function AnsweredTurn({ turn, inputSchema, outputSchema }: AnsweredTurnProps) {
  return (
    <li className={classes.turn}>
      <VisuallyHidden component="h2">Turn {turn.number}</VisuallyHidden>
      <Asked input={turn.input as JsonObject} schema={turn.shortened ? undefined : inputSchema} />
      <div className={classes.answer}>
        {turn.shortened && (
          <Text size="sm" c="dimmed" mb="sm">
            Too long to be kept here whole: this is how it begins. The record has all of it.
          </Text>
        )}
        <SchemaView value={turn.output as JsonObject} schema={turn.shortened ? undefined : outputSchema} />
      </div>
      <p className={classes.foot}>
        <time dateTime={turn.created_at}>{formatMoment(turn.created_at)}</time>
        <Anchor
          inherit
          aria-label={`Open the record of turn ${turn.number}`}
          renderRoot={(props) => <Link {...props} to="/executions/$id" params={{ id: turn.execution_id }} />}
        >
          Open record
        </Anchor>
      </p>
    </li>
  );
}
