import { Alert, Anchor, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import { SchemaView } from '@/components/schema-view/schema-view';
import type { RunStep } from '@/features/runs/api/get-run';
import { LeftOut } from '@/features/runs/components/left-out';
import classes from '@/features/runs/components/step-details.module.css';
import { formatMoment } from '@/lib/format';
import type { Json } from '@/lib/json-schema/types';

/** Links of a map's executions beyond these are found under Executions. */
const MOST_LINKS = 10;

/** One step: when it ran, why it failed, what it led to, what went in and what came out. */
export function StepDetails({ step }: { step: RunStep }) {
  const { error, input, output, left_out, execution_ids, approval_id, child_run_id, started_at } = step;
  const rest = execution_ids.length - MOST_LINKS;
  return (
    <div className={classes.details}>
      {error && (
        <Alert color="red" icon={<IconAlertTriangle />} title={error.code}>
          {error.message}
        </Alert>
      )}
      <div className={classes.links}>
        {started_at && <time dateTime={started_at}>Began {formatMoment(started_at)}</time>}
        {execution_ids.slice(0, MOST_LINKS).map((id, at) => (
          <Anchor key={id} inherit renderRoot={(props) => <Link {...props} to="/executions/$id" params={{ id }} />}>
            {execution_ids.length === 1 ? 'Execution' : `Execution ${at + 1}`}
          </Anchor>
        ))}
        {rest > 0 && <span>and {rest} more</span>}
        {approval_id && (
          <Anchor inherit renderRoot={(props) => <Link {...props} to="/approvals/$id" params={{ id: approval_id }} />}>
            Decision
          </Anchor>
        )}
        {child_run_id && (
          <Anchor inherit renderRoot={(props) => <Link {...props} to="/runs/$id" params={{ id: child_run_id }} />}>
            Run of the workflow
          </Anchor>
        )}
      </div>
      {isThere(output) && <Part title="Output">{<SchemaView value={output as Json} />}</Part>}
      {isThere(input) && <Part title="Input">{<SchemaView value={input as Json} />}</Part>}
      {left_out.length > 0 && <LeftOut parts={left_out} />}
      {!error && !isThere(output) && !isThere(input) && left_out.length === 0 && (
        <Text size="sm" c="dimmed">
          {step.status === 'pending' || step.status === 'skipped' ? 'It has not run.' : 'It holds no data.'}
        </Text>
      )}
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.part} aria-label={title}>
      <h4>{title}</h4>
      {children}
    </section>
  );
}

function isThere(value: unknown): boolean {
  return value !== null && value !== undefined;
}
