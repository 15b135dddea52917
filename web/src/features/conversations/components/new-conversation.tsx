import { Button } from '@mantine/core';
import { IconMessagePlus } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';

import { ProblemAlert } from '@/components/problem-alert';
import { useCreateConversation } from '@/features/conversations/api/create-conversation';

interface NewConversationProps {
  agentId: string;
  children: string;
}

/** Begins a conversation and leads to it. */
export function NewConversation({ agentId, children }: NewConversationProps) {
  const create = useCreateConversation(agentId);
  const navigate = useNavigate();
  const [group = '', name = ''] = agentId.split('/');
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconMessagePlus size={16} stroke={1.75} aria-hidden="true" />}
        loading={create.isPending}
        onClick={() =>
          create.mutate(undefined, {
            onSuccess: ({ id }) =>
              void navigate({ to: '/agents/$group/$name/conversations/$id', params: { group, name, id } }),
          })
        }
      >
        {children}
      </Button>
      {create.isError && <ProblemAlert error={create.error} />}
    </>
  );
}
