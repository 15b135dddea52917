import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { type Order, useExecuteAgent } from '@/features/executions/api/execute-agent';
import type { Execution } from '@/features/executions/api/get-execution';
import type { JsonObject } from '@/lib/json-schema/types';

interface RunOptions {
  agentId: string;
  sessionId?: string;
  onAnswered?: (execution: Execution) => void;
}

/** Running one agent: the wait for its answer, the way to the background, and the same again. */
export function useRun({ agentId, sessionId, onAnswered }: RunOptions) {
  const navigate = useNavigate();
  const waiting = useExecuteAgent();
  const accepting = useExecuteAgent();
  const [abort, setAbort] = useState<AbortController | null>(null);

  function send(order: Order) {
    accepting.reset();
    waiting.mutate(order, { onSuccess: (execution) => onAnswered?.(execution) });
  }

  function run(input: JsonObject) {
    const controller = new AbortController();
    setAbort(controller);
    send({ agentId, input, sessionId, signal: controller.signal });
  }

  function runInBackground(input: JsonObject) {
    waiting.reset();
    accepting.mutate(
      { agentId, input, inBackground: true },
      { onSuccess: ({ id }) => void navigate({ to: '/executions/$id', params: { id } }) },
    );
  }

  return {
    run,
    runInBackground,
    again: () => {
      if (accepting.variables) runInBackground(accepting.variables.input);
      else if (waiting.variables) run(waiting.variables.input);
    },
    /** Stops waiting; the run itself goes on. */
    stop: () => {
      abort?.abort();
      waiting.reset();
    },
    execution: waiting.data,
    error: waiting.error ?? accepting.error,
    /** What is being run, while it is. */
    pending: waiting.isPending ? waiting.variables : undefined,
    /** When the run in progress began (Unix milliseconds), or null. */
    startedAt: waiting.isPending ? waiting.submittedAt : null,
    isAccepting: accepting.isPending,
  };
}
