import { Button, Progress, Text } from '@mantine/core';

import { Clock } from '@/features/executions/components/clock';
import classes from '@/features/executions/components/running.module.css';
import { useElapsedSeconds } from '@/features/executions/components/use-elapsed-seconds';
import { formatDuration } from '@/lib/format';

interface RunningProps {
  startedAt: number;
  timeoutSeconds: number;
  onStop: () => void;
}

/** A run in progress: how long it has taken, how long it may take, and a way to stop waiting. */
export function Running({ startedAt, timeoutSeconds, onStop }: RunningProps) {
  const isLong = useElapsedSeconds(startedAt) >= 10;
  return (
    <div className={classes.running}>
      <Clock since={startedAt} doing="Running" />
      <Progress value={100} animated size="xs" className={classes.bar} aria-label="The agent is working" />
      <Text size="sm" c="dimmed" role="status">
        {isLong
          ? `Still working. This agent may take up to ${formatDuration(timeoutSeconds * 1000)}; its answer is kept under Executions.`
          : 'The agent is working.'}
      </Text>
      <Button variant="default" size="compact-sm" onClick={onStop}>
        Stop waiting
      </Button>
    </div>
  );
}
