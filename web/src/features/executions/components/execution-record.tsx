import { ValuePanel } from '@/components/value-panel';
import type { Execution } from '@/features/executions/api/get-execution';
import { ExecutionOutput } from '@/features/executions/components/execution-output';
import classes from '@/features/executions/components/execution-record.module.css';
import type { Json, Schema } from '@/lib/json-schema/types';

interface ExecutionRecordProps {
  execution: Execution;
  /** The agent's schemas, while the catalogue still holds it. */
  inputSchema: Schema | undefined;
  outputSchema: Schema | undefined;
}

/** A run as it was recorded: what went out, what it cost, what came in. */
export function ExecutionRecord({ execution, inputSchema, outputSchema }: ExecutionRecordProps) {
  return (
    <div className={classes.record}>
      <ExecutionOutput execution={execution} schema={outputSchema} />
      <ValuePanel title="Input" value={execution.input as Json} schema={inputSchema} />
    </div>
  );
}
