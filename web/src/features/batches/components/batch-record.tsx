import { Alert, Button } from '@mantine/core';
import { IconAlertTriangle, IconDownload, IconPlayerStop } from '@tabler/icons-react';

import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { useCancelBatch } from '@/features/batches/api/cancel-batch';
import { type Batch, isOver } from '@/features/batches/api/get-batch';
import { BatchBar } from '@/features/batches/components/batch-bar';
import classes from '@/features/batches/components/batch-record.module.css';
import { formatCount, formatUsd } from '@/lib/format';

/** As long as the file has not been read, nobody knows how much there is. */
const NOTHING_READ = { total: 0, pending: 0, running: 0, succeeded: 0, failed: 0 };

/** How far a batch is, what it cost, and its answers when they are there. */
export function BatchRecord({ batch }: { batch: Batch }) {
  const cancel = useCancelBatch(batch.id);
  const { counts } = batch;
  const figures = [
    ['Inputs', counts?.total],
    ['Waiting', counts?.pending],
    ['Running', counts?.running],
    ['Succeeded', counts?.succeeded],
    ['Failed', counts?.failed],
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
          {!isOver(batch) && batch.status !== 'cancelled' && (
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
      <BatchBar counts={counts ?? NOTHING_READ} size="lg" />
      <dl className={classes.figures}>
        {figures.map(([name, count]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{count === undefined ? '–' : formatCount(count)}</dd>
          </div>
        ))}
        <div>
          <dt>Cost</dt>
          <dd>{batch.cost_usd === null ? '–' : formatUsd(batch.cost_usd)}</dd>
        </div>
      </dl>
      {cancel.isError && <ProblemAlert error={cancel.error} title="It was not cancelled" />}
    </Panel>
  );
}

function whatHappens(batch: Batch): string {
  const { status, results } = batch;
  if (status === 'waiting') return 'Its inputs are not all there yet, so nothing is run.';
  if (status === 'ready') return 'Its inputs are there; it was not started.';
  if (status === 'running') return 'You may leave this page: the batch goes on.';
  if (results) return 'One line of JSON for each input, in the order of the inputs.';
  if (status === 'cancelled' && !isOver(batch)) return 'What was answered before is being collected.';
  return status === 'cancelled' ? 'What was answered before stands under Executions.' : '';
}
