import { Anchor, Button, Text } from '@mantine/core';
import { IconPlayerPlay } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';

import { ProblemAlert } from '@/components/problem-alert';
import { useExecuteAgent } from '@/features/executions/api/execute-agent';
import type { Execution } from '@/features/executions/api/get-execution';
import type { JsonObject } from '@/lib/json-schema/types';

/** Sends a request again whose agent needed an approval, now with it. */
export function RunApproved({ execution, approvalId }: { execution: Execution; approvalId: string }) {
  const navigate = useNavigate();
  const send = useExecuteAgent();
  const { parent_id } = execution;
  if (parent_id) {
    return (
      <Text size="sm">
        The agent worked for another one.{' '}
        <Anchor inherit renderRoot={(props) => <Link {...props} to="/executions/$id" params={{ id: parent_id }} />}>
          Run the whole request with this approval
        </Anchor>
        .
      </Text>
    );
  }
  if (execution.session_id || Object.keys(execution.redactions).length > 0) {
    return (
      <Text size="sm">
        Send the same request again, with <code>tool_approval</code> <code>{approvalId}</code>. It cannot be sent from
        here: the record holds the input without personal data, or it is a turn of a conversation.
      </Text>
    );
  }
  return (
    <>
      <Button
        leftSection={<IconPlayerPlay size={16} stroke={2} aria-hidden="true" />}
        loading={send.isPending}
        onClick={() =>
          send.mutate(
            { agentId: execution.agent_id, input: execution.input as JsonObject, toolApproval: approvalId },
            { onSuccess: ({ id }) => void navigate({ to: '/executions/$id', params: { id } }) },
          )
        }
      >
        Run it with this approval
      </Button>
      {send.error && <ProblemAlert error={send.error} />}
    </>
  );
}
