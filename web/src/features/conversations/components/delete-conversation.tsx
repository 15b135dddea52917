import { ActionIcon, Button, Group, Modal, Text, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconTrash } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';

import { ProblemAlert } from '@/components/problem-alert';
import { useDeleteConversation } from '@/features/conversations/api/delete-conversation';
import type { Conversation } from '@/features/conversations/api/list-conversations';

/** Deletes a conversation, after asking; leads back to the agent. */
export function DeleteConversation({ conversation }: { conversation: Conversation }) {
  const [isAsking, { open, close }] = useDisclosure(false);
  const remove = useDeleteConversation(conversation);
  const navigate = useNavigate();
  const [group = '', name = ''] = conversation.agent_id.split('/');

  function confirm() {
    remove.mutate(undefined, {
      onSuccess: () => void navigate({ to: '/agents/$group/$name', params: { group, name }, replace: true }),
    });
  }

  return (
    <>
      <Tooltip label="Delete the conversation">
        <ActionIcon size="lg" aria-label="Delete the conversation" onClick={open}>
          <IconTrash size={18} stroke={1.75} />
        </ActionIcon>
      </Tooltip>
      <Modal
        opened={isAsking}
        onClose={close}
        title="Delete this conversation?"
        closeButtonProps={{ 'aria-label': 'Close' }}
        centered
      >
        <Text size="sm">
          All its turns are deleted, and the agent forgets them. The runs themselves stay under Executions.
        </Text>
        {remove.isError && <ProblemAlert error={remove.error} title="It was not deleted" />}
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={close} data-autofocus>
            Keep it
          </Button>
          <Button color="red.9" loading={remove.isPending} onClick={confirm}>
            Delete
          </Button>
        </Group>
      </Modal>
    </>
  );
}
