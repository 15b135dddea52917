import { Button, Code, Group, Stack, Text } from '@mantine/core';

import { CopyIcon } from '@/components/copy-icon';

interface KeyOnceProps {
  text: string;
  onDone: () => void;
}

/** A key that is not shown again. */
export function KeyOnce({ text, onDone }: KeyOnceProps) {
  return (
    <Stack gap="md">
      <Text size="sm">
        This is the only time the key is shown. Keep it as you would a password, and send it with each request as{' '}
        <Code>Authorization: Bearer …</Code>.
      </Text>
      <Group gap="xs" wrap="nowrap">
        <Code block flex={1} aria-label="API key" style={{ overflowWrap: 'anywhere', whiteSpace: 'normal' }}>
          {text}
        </Code>
        <CopyIcon label="Copy the key" text={text} />
      </Group>
      <Group justify="flex-end">
        <Button onClick={onDone}>I have kept it</Button>
      </Group>
    </Stack>
  );
}
