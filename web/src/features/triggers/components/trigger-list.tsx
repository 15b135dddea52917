import { Anchor, Badge, Button, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { ConfirmButton } from '@/components/confirm-button';
import { PagedRows } from '@/components/paged-rows';
import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import classes from '@/components/rows.module.css';
import { useChangeTrigger } from '@/features/triggers/api/change-trigger';
import { listTriggersOptions, type Trigger } from '@/features/triggers/api/list-triggers';
import { NewTriggerForm } from '@/features/triggers/components/new-trigger-form';
import { whenInWords } from '@/features/triggers/in-words';
import { formatAgo, formatMoment } from '@/lib/format';
import type { JsonObject } from '@/lib/json-schema/types';

interface TriggerListProps {
  workflowId: string;
  /** Whether runs can be started at all. */
  isLive: boolean;
  example: JsonObject | null;
}

/** What starts runs of a workflow by itself: schedules and events. */
export function TriggerList({ workflowId, isLive, example }: TriggerListProps) {
  const triggers = useInfiniteQuery(listTriggersOptions(workflowId));
  const [isAdding, { open, close }] = useDisclosure(false);
  return (
    <Panel
      title="Schedules and triggers"
      actions={
        isLive &&
        !isAdding && (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconPlus size={14} stroke={2} aria-hidden="true" />}
            onClick={open}
          >
            Add
          </Button>
        )
      }
    >
      {isAdding && <NewTriggerForm workflowId={workflowId} example={example} onClose={close} />}
      <PagedRows
        query={triggers}
        noun="triggers"
        empty={
          !isAdding && (
            <Text size="sm" c="dimmed">
              {isLive
                ? 'None yet. It can be run by the clock, or after something has happened on the platform.'
                : 'Publish the workflow first: then it can be run by the clock, or after an event.'}
            </Text>
          )
        }
      >
        {(trigger) => <Row key={trigger.id} trigger={trigger} />}
      </PagedRows>
    </Panel>
  );
}

const STATUS = {
  active: { label: 'Active', color: 'pine' },
  paused: { label: 'Paused', color: 'gray' },
  over: { label: 'Over', color: 'gray' },
} as const;

function Row({ trigger }: { trigger: Trigger }) {
  const change = useChangeTrigger(trigger.id);
  const { title, status, next_at, last_fired_at, last_run_id, last_error } = trigger;
  const [next] = next_at;
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        {title} <Badge color={STATUS[status].color}>{STATUS[status].label}</Badge>
        <span className={classes.note}>
          {whenInWords(trigger)}
          {next && status === 'active' && <>. Next: {formatMoment(next)}</>}
        </span>
        {last_fired_at && (
          <span className={classes.note}>
            Last time {formatAgo(last_fired_at)}
            {last_run_id && (
              <>
                :{' '}
                <Anchor inherit renderRoot={(props) => <Link {...props} to="/runs/$id" params={{ id: last_run_id }} />}>
                  open the run
                </Anchor>
              </>
            )}
          </span>
        )}
        {last_error && (
          <Text size="sm" c="var(--mantine-color-error)" component="span" display="block">
            The last time no run was started: {last_error.message}
          </Text>
        )}
        {change.isError && <ProblemAlert error={change.error} title="It was not changed" />}
      </div>
      <div className={classes.actions}>
        {status !== 'over' && (
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`${status === 'paused' ? 'Resume' : 'Pause'} ${title}`}
            loading={change.isPending && change.variables !== 'delete'}
            onClick={() => change.mutate(status === 'paused' ? 'resume' : 'pause')}
          >
            {status === 'paused' ? 'Resume' : 'Pause'}
          </Button>
        )}
        <ConfirmButton
          size="compact-sm"
          label={`Delete ${title}`}
          question="Delete this trigger?"
          consequence="It starts no further run. The runs that it started stay."
          yes="Delete"
          no="Keep it"
          isPending={change.isPending}
          error={null}
          onConfirm={(close) => change.mutate('delete', { onSettled: close })}
        >
          Delete
        </ConfirmButton>
      </div>
    </li>
  );
}
