import { Button, Progress, Text } from '@mantine/core';
import { IconPlayerStop } from '@tabler/icons-react';

import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { useCancelExecution } from '@/features/executions/api/cancel-execution';
import type { Execution } from '@/features/executions/api/get-execution';
import { Clock } from '@/features/executions/components/clock';
import classes from '@/features/executions/components/running.module.css';

/** A run in the background that is not over: where it stands, for how long, and a way to cancel it. */
export function ExecutionProgress({ execution }: { execution: Execution }) {
  const cancel = useCancelExecution(execution.id);
  const isQueued = execution.status === 'queued';
  return (
    <Panel title="Output">
      <div className={classes.running}>
        <Clock since={Date.parse(execution.started_at)} doing={isQueued ? 'Queued' : 'Running'} />
        <Progress
          value={100}
          animated={!isQueued}
          color={isQueued ? 'gray' : 'pine'}
          size="xs"
          className={classes.bar}
          aria-label={isQueued ? 'The run is queued' : 'The agent is working'}
        />
        <Text size="sm" c="dimmed" role="status">
          {isQueued ? 'Accepted; the agent begins in a moment.' : 'The agent is working.'} You may leave this page: the
          answer will stand here and under Executions.
        </Text>
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconPlayerStop size={14} aria-hidden="true" />}
          loading={cancel.isPending}
          onClick={() => cancel.mutate()}
        >
          Cancel the run
        </Button>
      </div>
      {cancel.isError && <ProblemAlert error={cancel.error} title="It was not cancelled" />}
    </Panel>
  );
}
