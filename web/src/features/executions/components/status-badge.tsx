import { Badge } from '@mantine/core';
import { IconBan, IconCheck, IconClock, IconPlayerPlay, IconX } from '@tabler/icons-react';

import type { ExecutionStatus } from '@/features/executions/api/get-execution';

const SHOWN = {
  queued: { label: 'Queued', color: 'gray', Icon: IconClock },
  running: { label: 'Running', color: 'yellow', Icon: IconPlayerPlay },
  succeeded: { label: 'Succeeded', color: 'pine', Icon: IconCheck },
  failed: { label: 'Failed', color: 'red', Icon: IconX },
  cancelled: { label: 'Cancelled', color: 'gray', Icon: IconBan },
} as const;

/** Every status by name, for a choice among them. */
export const STATUS_LABELS = Object.entries(SHOWN).map(([value, { label }]) => ({ value, label }));

export function StatusBadge({ status }: { status: ExecutionStatus }) {
  const { label, color, Icon } = SHOWN[status];
  return (
    <Badge color={color} leftSection={<Icon size={12} stroke={2.25} aria-hidden="true" />}>
      {label}
    </Badge>
  );
}
