import { ValuePanel } from '@/components/value-panel';
import { type Execution, isOver } from '@/features/executions/api/get-execution';
import { ExecutionOutput } from '@/features/executions/components/execution-output';
import { ExecutionProgress } from '@/features/executions/components/execution-progress';
import classes from '@/features/executions/components/execution-record.module.css';
import type { Json, Schema } from '@/lib/json-schema/types';

interface ExecutionRecordProps {
  execution: Execution;
  /** The agent's schemas, while the catalogue still holds it. */
  inputSchema: Schema | undefined;
  outputSchema: Schema | undefined;
}

/** A run: what went out, what it cost, what came in; how it goes as long as it is not over. */
export function ExecutionRecord({ execution, inputSchema, outputSchema }: ExecutionRecordProps) {
  return (
    <div className={classes.record}>
      {isOver(execution.status) ? (
        <ExecutionOutput execution={execution} schema={outputSchema} />
      ) : (
        <ExecutionProgress execution={execution} />
      )}
      <ValuePanel title="Input" value={execution.input as Json} schema={inputSchema} />
    </div>
  );
}
