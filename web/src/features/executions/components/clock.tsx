import classes from '@/features/executions/components/clock.module.css';
import { useElapsedSeconds } from '@/features/executions/components/use-elapsed-seconds';

interface ClockProps {
  /** Unix milliseconds. */
  since: number;
  /** What has been going on since then: "Running", "Waiting". */
  doing: string;
}

/** How long it has taken so far, in large figures. */
export function Clock({ since, doing }: ClockProps) {
  const seconds = useElapsedSeconds(since);
  const minutes = Math.floor(seconds / 60);
  return (
    <p className={classes.clock} role="timer" aria-label={`${doing} for ${seconds} seconds`}>
      {minutes > 0 && (
        <>
          {minutes}
          <span> min </span>
        </>
      )}
      {minutes > 0 ? String(seconds % 60).padStart(2, '0') : seconds}
      <span> s</span>
    </p>
  );
}
