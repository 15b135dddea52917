import { Badge } from '@mantine/core';
import { IconBan, IconCheck, IconClock, IconPlayerPlay, IconX } from '@tabler/icons-react';

import type { Batch } from '@/features/batches/api/get-batch';

const SHOWN = {
  waiting: { label: 'Waiting', color: 'gray', Icon: IconClock },
  ready: { label: 'Ready', color: 'gray', Icon: IconClock },
  running: { label: 'Running', color: 'yellow', Icon: IconPlayerPlay },
  finished: { label: 'Finished', color: 'pine', Icon: IconCheck },
  failed: { label: 'Failed', color: 'red', Icon: IconX },
  cancelled: { label: 'Cancelled', color: 'gray', Icon: IconBan },
} as const;

export function BatchStatus({ status }: { status: Batch['status'] }) {
  const { label, color, Icon } = SHOWN[status];
  return (
    <Badge color={color} leftSection={<Icon size={12} stroke={2.25} aria-hidden="true" />}>
      {label}
    </Badge>
  );
}
