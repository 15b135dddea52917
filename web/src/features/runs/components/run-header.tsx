import { Anchor, Button } from '@mantine/core';
import { IconPlayerStop, IconRefresh } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';

import { ConfirmButton } from '@/components/confirm-button';
import { RecordHeader } from '@/components/record-header';
import { TraceId } from '@/components/trace-id';
import { useRetryRun, useStopRun } from '@/features/runs/api/change-run';
import type { Run } from '@/features/runs/api/get-run';
import { RunStatus } from '@/features/runs/components/run-status';
import { ProblemAlert } from '@/components/problem-alert';
import { nameOfRun, sourceInWords } from '@/features/runs/source-in-words';
import { formatDuration, formatMoment, formatUsd } from '@/lib/format';

interface RunHeaderProps {
  run: Run;
  /** Told the run that goes on after a retry: this one, or a new one. */
  onRetried: (id: string) => void;
}

/** Which workflow ran, how it stands, what it cost, and the ways to stop it or to go on with it. */
export function RunHeader({ run, onRetried }: RunHeaderProps) {
  const stop = useStopRun(run.id);
  const retry = useRetryRun(run.id);
  return (
    <>
      <RecordHeader
        crumbs={
          <Anchor inherit renderRoot={(props) => <Link {...props} to="/runs" />}>
            Runs
          </Anchor>
        }
        title={run.workflow_title}
        actions={
          <>
            {run.status === 'running' && (
              <ConfirmButton
                leftSection={<IconPlayerStop size={16} stroke={1.75} aria-hidden="true" />}
                question="Stop this run?"
                consequence="No further step begins, and decisions that it waits for are withdrawn. An agent that is at work finishes and is paid. You can go on from here later."
                yes="Stop the run"
                no="Let it run"
                isPending={stop.isPending}
                error={stop.error}
                onConfirm={(close) => stop.mutate(undefined, { onSuccess: close })}
              >
                Stop the run
              </ConfirmButton>
            )}
            {(run.status === 'failed' || run.status === 'stopped') && (
              <Button
                leftSection={<IconRefresh size={16} stroke={1.75} aria-hidden="true" />}
                loading={retry.isPending}
                onClick={() => retry.mutate(undefined, { onSuccess: ({ id }) => onRetried(id) })}
              >
                {run.status === 'failed' ? 'Retry from the failed step' : 'Go on with it'}
              </Button>
            )}
            <Button
              variant="default"
              renderRoot={(props) => <Link {...props} to="/workflows/$id" params={{ id: run.workflow_id }} />}
            >
              Open the workflow
            </Button>
          </>
        }
      >
        <span role="status">
          <RunStatus status={run.status} />
        </span>
        <time dateTime={run.started_at}>{formatMoment(run.started_at)}</time>
        {run.duration_ms !== null && <span>{formatDuration(run.duration_ms)}</span>}
        {run.cost_usd !== null && <span>{formatUsd(run.cost_usd)}</span>}
        <span>Version {run.version}</span>
        {run.attempt > 1 && <span>Attempt {run.attempt}</span>}
        {nameOfRun(run) && <span>{nameOfRun(run)}</span>}
        {run.parent_run_id === null ? (
          sourceInWords(run.source) && <span>{sourceInWords(run.source)}</span>
        ) : (
          <RunLink id={run.parent_run_id}>Step of another run</RunLink>
        )}
        {run.retry_of && <RunLink id={run.retry_of}>Repeats an earlier run</RunLink>}
        <code>{run.id}</code>
        <TraceId id={run.trace_id} />
      </RecordHeader>
      {retry.isError && <ProblemAlert error={retry.error} title="It does not go on" />}
    </>
  );
}

function RunLink({ id, children }: { id: string; children: string }) {
  return (
    <Anchor inherit renderRoot={(props) => <Link {...props} to="/runs/$id" params={{ id }} />}>
      {children}
    </Anchor>
  );
}
