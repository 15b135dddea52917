import { Button, Group, Skeleton, Text } from '@mantine/core';
import { IconCheck, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';

import { JsonText } from '@/components/json-text';
import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { getToolApprovalOptions, useDecideToolCall } from '@/features/tool-approvals/api/tool-approvals';
import { ToolCallStatus } from '@/features/tool-approvals/components/tool-call-status';
import { formatMoment } from '@/lib/format';
import type { Json } from '@/lib/json-schema/types';

interface ToolCallProps {
  id: string;
  /** What follows once it is approved. */
  onceApproved?: ReactNode;
}

/** What an agent wants to do, exactly, and the decision on it. */
export function ToolCall({ id, onceApproved }: ToolCallProps) {
  const { data: call, error, refetch } = useQuery(getToolApprovalOptions(id));
  const decide = useDecideToolCall(id);
  if (error && !call) return <ProblemAlert error={error} onRetry={() => void refetch()} />;
  if (!call) return <Skeleton height={220} role="status" aria-busy="true" aria-label="Loading what it wants to do" />;
  const waits = (decision: 'approved' | 'declined') => decide.isPending && decide.variables.decision === decision;
  return (
    <Panel
      title="What the agent wants to do"
      actions={<ToolCallStatus status={call.status} />}
      footer={
        call.status === 'pending' ? (
          <Group>
            <Button
              leftSection={<IconCheck size={16} stroke={2} aria-hidden="true" />}
              loading={waits('approved')}
              disabled={decide.isPending}
              onClick={() => decide.mutate({ decision: 'approved' })}
            >
              Approve this call
            </Button>
            <Button
              variant="default"
              leftSection={<IconX size={16} stroke={2} aria-hidden="true" />}
              loading={waits('declined')}
              disabled={decide.isPending}
              onClick={() => decide.mutate({ decision: 'declined' })}
            >
              Decline
            </Button>
          </Group>
        ) : (
          call.status === 'approved' && onceApproved
        )
      }
    >
      <Text mb="sm">
        <strong>{call.agent_id}</strong> wants to call <code>{call.tool}</code>, which {call.effect}, with exactly this:
      </Text>
      <JsonText label="Arguments" value={call.arguments as Json} />
      <Text size="sm" c="dimmed" mt="sm">
        {call.decided_by
          ? `Decided by ${call.decided_by} ${formatMoment(call.decided_at ?? call.created_at)}.`
          : call.status === 'expired'
            ? 'Nobody decided in time, so nothing was done.'
            : 'Nothing was done yet. An approval counts once, for these arguments alone.'}{' '}
        {(call.status === 'pending' || call.status === 'approved') && `Open until ${formatMoment(call.expires_at)}.`}
      </Text>
      {decide.error && <ProblemAlert error={decide.error} />}
    </Panel>
  );
}
