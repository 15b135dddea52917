import { Button, Text } from '@mantine/core';
import { IconStack2 } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';

import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { useSubmitBatch } from '@/features/batches/api/submit-batch';
import { InputSource } from '@/features/batches/components/input-source';
import classes from '@/features/batches/components/new-batch.module.css';
import type { InputFile } from '@/features/batches/input-file';
import type { JsonObject } from '@/lib/json-schema/types';

interface NewBatchProps {
  agentId: string | undefined;
  /** Where the agent is chosen. */
  agentPicker: ReactNode;
  /** An input of the chosen agent, to begin from. */
  example: JsonObject | undefined;
  onStarted: (id: string) => void;
}

/** An agent and a file of inputs make a batch. */
export function NewBatch({ agentId, agentPicker, example, onStarted }: NewBatchProps) {
  const [file, setFile] = useState<InputFile | null>(null);
  const submit = useSubmitBatch();
  const isReady = agentId !== undefined && file !== null && file.fault === null;
  return (
    <Panel
      title="New batch"
      footer={
        <>
          <Button
            leftSection={<IconStack2 size={16} stroke={1.75} aria-hidden="true" />}
            disabled={!isReady}
            loading={submit.isPending}
            onClick={() => {
              if (agentId && file) submit.mutate({ agentId, file }, { onSuccess: ({ id }) => onStarted(id) });
            }}
          >
            Start the batch
          </Button>
          <Text size="xs" c="dimmed">
            Each input is a run of its own, with its own cost.
          </Text>
        </>
      }
    >
      <div className={classes.fields}>
        {agentPicker}
        <InputSource file={file} example={example} onFile={setFile} />
        {submit.isError && <ProblemAlert error={submit.error} title="The batch was not started" />}
      </div>
    </Panel>
  );
}
