import { useState } from 'react';

import { useExecuteAgent } from '@/features/executions/api/execute-agent';
import { InputPanel } from '@/features/executions/components/input-panel';
import { OutputPanel } from '@/features/executions/components/output-panel';
import classes from '@/features/executions/components/run-panel.module.css';
import type { components } from '@/lib/api/schema';
import type { JsonObject } from '@/lib/json-schema/types';

/** Where an agent is tried: its input on one side, its answer on the other. */
export function RunPanel({ agent }: { agent: components['schemas']['AgentInfo'] }) {
  const execute = useExecuteAgent();
  const [abort, setAbort] = useState<AbortController | null>(null);

  function run(input: JsonObject) {
    const controller = new AbortController();
    setAbort(controller);
    execute.mutate({ agentId: agent.id, input, signal: controller.signal });
  }

  return (
    <div className={classes.playground}>
      <InputPanel agent={agent} problem={execute.error} isRunning={execute.isPending} onRun={run} />
      <OutputPanel
        agent={agent}
        execution={execute.data}
        error={execute.error}
        startedAt={execute.isPending ? execute.submittedAt : null}
        onStop={() => {
          abort?.abort();
          execute.reset();
        }}
      />
    </div>
  );
}
