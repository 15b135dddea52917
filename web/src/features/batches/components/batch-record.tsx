import { Alert, Button } from '@mantine/core';
import { IconAlertTriangle, IconDownload, IconPlayerStop } from '@tabler/icons-react';

import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { useCancelBatch } from '@/features/batches/api/cancel-batch';
import { type Batch, isOver } from '@/features/batches/api/get-batch';
import { BatchBar } from '@/features/batches/components/batch-bar';
import classes from '@/features/batches/components/batch-record.module.css';
import { formatCount, formatUsd } from '@/lib/format';

/** How far a batch is, what it cost, and its answers when they are there. */
export function BatchRecord({ batch }: { batch: Batch }) {
  const cancel = useCancelBatch(batch.id);
  const { counts } = batch;
  const figures = [
    ['Inputs', formatCount(counts.total)],
    ['Waiting', formatCount(counts.pending)],
    ['Running', formatCount(counts.running)],
    ['Succeeded', formatCount(counts.succeeded)],
    ['Failed', formatCount(counts.failed)],
    ['Cost', formatUsd(batch.cost_usd)],
  ] as const;
  return (
    <Panel
      title="Progress"
      footer={
        <>
          {batch.results && (
            <Button
              component="a"
              href={batch.results.url}
              download
              leftSection={<IconDownload size={16} stroke={1.75} aria-hidden="true" />}
            >
              Download the results
            </Button>
          )}
          {!isOver(batch.status) && (
            <Button
              variant="default"
              leftSection={<IconPlayerStop size={16} stroke={1.75} aria-hidden="true" />}
              loading={cancel.isPending}
              onClick={() => cancel.mutate()}
            >
              Cancel the batch
            </Button>
          )}
          <span className={classes.note}>{whatHappens(batch)}</span>
        </>
      }
    >
      {batch.error && (
        <Alert color="red" role="alert" icon={<IconAlertTriangle />} title="The batch could not be run" mb="lg">
          {batch.error.message}
        </Alert>
      )}
      <BatchBar counts={counts} size="lg" />
      <dl className={classes.figures} role="group" aria-label="Figures">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {cancel.isError && <ProblemAlert error={cancel.error} title="It was not cancelled" />}
    </Panel>
  );
}

function whatHappens({ status, results }: Batch): string {
  if (status === 'waiting') return 'Its inputs are not all there yet, so nothing is run.';
  if (status === 'ready') return 'Its inputs are there; it was not started.';
  if (status === 'running') return 'You may leave this page: the batch goes on.';
  if (results) return 'One line of JSON for each input, in the order of the inputs.';
  return status === 'cancelled' ? 'What was answered before stands under Executions.' : '';
}
