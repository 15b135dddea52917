import { Button, Code, Group, Stack, Text } from '@mantine/core';

import { CopyIcon } from '@/components/copy-icon';

interface SecretOnceProps {
  secret: string;
  onDone: () => void;
}

/** A secret that is not shown again. */
export function SecretOnce({ secret, onDone }: SecretOnceProps) {
  return (
    <Stack gap="md">
      <Text size="sm">
        Your receiver checks with this secret that an event comes from here (the header <Code>webhook-signature</Code>,
        as Standard Webhooks describes it). It is not shown again; a new one can be made at any time.
      </Text>
      <Group gap="xs" wrap="nowrap">
        <Code block flex={1} aria-label="Secret" style={{ overflowWrap: 'anywhere', whiteSpace: 'normal' }}>
          {secret}
        </Code>
        <CopyIcon label="Copy the secret" text={secret} />
      </Group>
      <Group justify="flex-end">
        <Button onClick={onDone}>I have kept it</Button>
      </Group>
    </Stack>
  );
}
