import { Button, Group, Modal, Select, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { type ApiKey, useKey } from '@/features/keys/api/keys';
import { KeyOnce } from '@/features/keys/components/key-once';
import { GRACES } from '@/features/keys/in-words';

/** Gives a key a new secret: asks how long the old one is to be accepted, then shows the new key once. */
export function RotateKey({ of }: { of: ApiKey }) {
  const { rotate } = useKey(of.id);
  const [isOpen, { open, close }] = useDisclosure(false);
  const [grace, setGrace] = useState('24');
  const [text, setText] = useState<string | null>(null);
  const done = () => {
    setText(null);
    rotate.reset();
    close();
  };
  return (
    <>
      <Button size="compact-sm" variant="default" aria-label={`Rotate ${of.name}`} onClick={open}>
        Rotate
      </Button>
      <Modal
        opened={isOpen}
        onClose={done}
        title={text ? 'Keep the key now' : `Rotate ${of.name}?`}
        size="lg"
        closeOnClickOutside={text === null}
        closeOnEscape={text === null}
        withCloseButton={text === null}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {text ? (
          <KeyOnce text={text} onDone={done} />
        ) : (
          <Stack gap="md">
            <Text size="sm">It gets a new secret. Everything else about it stays as it is.</Text>
            <Select
              label="The old secret ends"
              data={GRACES}
              value={grace}
              onChange={(chosen) => setGrace(chosen ?? '24')}
              allowDeselect={false}
            />
            {of.status === 'expired' && (
              <Text size="sm" c="dimmed">
                The key has expired: it comes back for 90 days.
              </Text>
            )}
            {rotate.isError && <ProblemAlert error={rotate.error} title="It was not done" />}
            <Group justify="flex-end">
              <Button variant="default" onClick={done}>
                Keep the old one
              </Button>
              <Button
                loading={rotate.isPending}
                onClick={() =>
                  rotate.mutate(
                    { grace_hours: Number(grace), expires_in_days: of.status === 'expired' ? 90 : null },
                    { onSuccess: (rotated) => setText(rotated.key) },
                  )
                }
              >
                Make a new secret
              </Button>
            </Group>
          </Stack>
        )}
      </Modal>
    </>
  );
}
