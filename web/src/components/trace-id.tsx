import { Group } from '@mantine/core';

import { CopyIcon } from '@/components/copy-icon';

/** What logs, spans and events of one request have in common, to be searched for. */
export function TraceId({ id }: { id: string }) {
  return (
    <Group gap={4} wrap="nowrap" display="inline-flex">
      <span>
        Trace <code>{id}</code>
      </span>
      <CopyIcon label="Copy the trace id" text={id} />
    </Group>
  );
}
