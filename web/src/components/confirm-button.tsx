import { Button, type ButtonProps, Group, Modal, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';

import { ProblemAlert } from '@/components/problem-alert';

interface ConfirmButtonProps extends ButtonProps {
  children: ReactNode;
  question: string;
  /** What will happen. */
  consequence: string;
  /** What the two answers are called. */
  yes: string;
  no: string;
  /** Does it; `close` is called when it is done. */
  onConfirm: (close: () => void) => void;
  isPending: boolean;
  error: Error | null;
  label?: string | undefined;
}

/** A button for what cannot be taken back: asks before it does it. */
export function ConfirmButton({
  children,
  question,
  consequence,
  yes,
  no,
  onConfirm,
  isPending,
  error,
  label,
  ...button
}: ConfirmButtonProps) {
  const [isAsking, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button variant="default" {...button} aria-label={label} onClick={open}>
        {children}
      </Button>
      <Modal opened={isAsking} onClose={close} title={question} closeButtonProps={{ 'aria-label': 'Close' }} centered>
        <Text size="sm">{consequence}</Text>
        {error && <ProblemAlert error={error} title="It was not done" />}
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={close} data-autofocus>
            {no}
          </Button>
          <Button color="red.9" loading={isPending} onClick={() => onConfirm(close)}>
            {yes}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
