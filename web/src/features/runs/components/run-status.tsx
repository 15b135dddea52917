import { Badge } from '@mantine/core';
import { IconCheck, IconPlayerPlay, IconPlayerStop, IconX } from '@tabler/icons-react';

import type { RunStatus as Status } from '@/features/runs/api/get-run';

const SHOWN = {
  running: { label: 'Running', color: 'yellow', Icon: IconPlayerPlay },
  succeeded: { label: 'Succeeded', color: 'pine', Icon: IconCheck },
  failed: { label: 'Failed', color: 'red', Icon: IconX },
  stopped: { label: 'Stopped', color: 'gray', Icon: IconPlayerStop },
} as const;

/** Every status by name, for a choice among them. */
export const RUN_STATUSES = Object.entries(SHOWN).map(([value, { label }]) => ({ value, label }));

export function RunStatus({ status }: { status: Status }) {
  const { label, color, Icon } = SHOWN[status];
  return (
    <Badge color={color} leftSection={<Icon size={12} stroke={2.25} aria-hidden="true" />}>
      {label}
    </Badge>
  );
}
