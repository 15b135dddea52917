import { Alert } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';

import type { Execution } from '@/features/executions/api/get-execution';
import { RefusalNote } from '@/features/executions/components/refusal-note';
import { refusalOf } from '@/features/executions/components/refusals';

/** Why a recorded run has no answer. */
export function FailureNote({ execution: { status, error } }: { execution: Pick<Execution, 'status' | 'error'> }) {
  const code = error?.code ?? (status === 'cancelled' ? 'execution_cancelled' : undefined);
  if (code === undefined) return null;
  const refusal = refusalOf(code);
  if (refusal) return <RefusalNote refusal={refusal} message={error?.message} />;
  return (
    <Alert color="red" role="alert" icon={<IconAlertTriangle />} title="The agent could not finish">
      {error?.message}
    </Alert>
  );
}
