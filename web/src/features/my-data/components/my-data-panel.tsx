import { Button, Group, Modal, PasswordInput, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconDownload, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { DataRequestLine, isAlive } from '@/components/data-request-line';
import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { myExportsOptions, useEraseMe, useExportMe } from '@/features/my-data/api/my-data';
import { ApiProblem } from '@/lib/api/problem';

/** What the platform holds about the reader: to take along, and to have it deleted. */
export function MyDataPanel({ onErased }: { onErased: () => void }) {
  const exports = useQuery(myExportsOptions);
  const ask = useExportMe();
  const [isErasing, { open, close }] = useDisclosure(false);
  const items = exports.data?.items ?? [];
  const error = exports.error ?? ask.error;
  return (
    <Panel title="Your data">
      <Stack gap="sm">
        {error && <ProblemAlert error={error} title="It was not done" />}
        <Group>
          <Button
            variant="default"
            leftSection={<IconDownload size={16} />}
            loading={ask.isPending}
            disabled={items.some(isAlive)}
            onClick={() => ask.mutate()}
          >
            Export everything
          </Button>
          <Button variant="default" color="red.9" leftSection={<IconTrash size={16} />} onClick={open}>
            Delete my account
          </Button>
        </Group>
        {items.slice(0, 3).map((each) => (
          <DataRequestLine key={each.id} of={each} />
        ))}
      </Stack>
      <Modal
        opened={isErasing}
        onClose={close}
        title="Delete your account?"
        closeButtonProps={{ 'aria-label': 'Close' }}
        centered
      >
        <Confirm onCancel={close} onErased={onErased} />
      </Modal>
    </Panel>
  );
}

function Confirm({ onCancel, onErased }: { onCancel: () => void; onErased: () => void }) {
  const erase = useEraseMe();
  const [password, setPassword] = useState('');
  const atField = erase.error instanceof ApiProblem && erase.error.status === 422;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        erase.mutate(password, { onSuccess: onErased });
      }}
    >
      <Stack gap="md">
        <Text size="sm">
          Everything that you wrote and were answered is deleted, with keys, workflows, triggers and webhooks. It cannot
          be brought back.
        </Text>
        {erase.error && !atField && <ProblemAlert error={erase.error} title="It was not done" />}
        <PasswordInput
          label="Your password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          error={atField ? 'Is not your password' : undefined}
          data-autofocus
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            Keep it
          </Button>
          <Button type="submit" color="red.9" disabled={!password} loading={erase.isPending}>
            Delete for good
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
