import { Button, Progress, Text } from '@mantine/core';

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
  const seconds = useElapsedSeconds(startedAt);
  return (
    <div className={classes.running}>
      <p className={classes.clock} role="timer" aria-label={`Running for ${seconds} seconds`}>
        {seconds}
        <span> s</span>
      </p>
      <Progress value={100} animated size="xs" className={classes.bar} aria-label="The agent is working" />
      <Text size="sm" c="dimmed" role="status">
        {seconds < 10
          ? 'The agent is working.'
          : `Still working. This agent may take up to ${formatDuration(timeoutSeconds * 1000)}; its answer is kept under Executions.`}
      </Text>
      <Button variant="default" size="compact-sm" onClick={onStop}>
        Stop waiting
      </Button>
    </div>
  );
}
