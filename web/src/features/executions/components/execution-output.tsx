import { Alert } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import type { Ref } from 'react';

import { ValuePanel } from '@/components/value-panel';
import type { Execution } from '@/features/executions/api/get-execution';
import { OfflineNotice } from '@/features/executions/components/offline-notice';
import { Receipt } from '@/features/executions/components/receipt';
import type { Json, Schema } from '@/lib/json-schema/types';

interface ExecutionOutputProps {
  execution: Execution;
  schema: Schema | undefined;
  /** On the agent's own page: keeps in sight beside the input, and leads to the record. */
  isFresh?: boolean;
  ref?: Ref<HTMLElement> | undefined;
}

/** What an agent answered and what it cost. */
export function ExecutionOutput({ execution, schema, isFresh = false, ref }: ExecutionOutputProps) {
  return (
    <ValuePanel
      ref={ref}
      staysInSight={isFresh}
      title="Output"
      value={execution.output as Json}
      schema={schema}
      footer={<Receipt execution={execution} linkToRecord={isFresh} />}
    >
      {execution.provider === 'offline' && <OfflineNotice />}
      {execution.error && (
        <Alert color="red" role="alert" icon={<IconAlertTriangle />} title="The agent could not finish">
          {execution.error.message}
        </Alert>
      )}
    </ValuePanel>
  );
}
