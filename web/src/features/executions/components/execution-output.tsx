import type { Ref } from 'react';

import { ValuePanel } from '@/components/value-panel';
import type { Execution } from '@/features/executions/api/get-execution';
import { EscalationBanner } from '@/features/executions/components/escalation-banner';
import { FailureNote } from '@/features/executions/components/failure-note';
import { OfflineNotice } from '@/features/executions/components/offline-notice';
import { Provenance } from '@/features/executions/components/provenance';
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
      {execution.escalation && <EscalationBanner escalation={execution.escalation} />}
      {execution.provider === 'offline' && execution.output && <OfflineNotice />}
      <Provenance execution={execution} />
      <FailureNote execution={execution} />
    </ValuePanel>
  );
}
