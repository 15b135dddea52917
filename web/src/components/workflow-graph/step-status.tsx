import { Badge } from '@mantine/core';
import {
  IconCheck,
  IconCircleDashed,
  IconHourglass,
  IconPlayerPlay,
  IconPlayerSkipForward,
  IconX,
} from '@tabler/icons-react';

import type { StepStatus } from '@/components/workflow-graph/graph';

const SHOWN = {
  pending: { label: 'Not yet run', color: 'gray', Icon: IconCircleDashed },
  running: { label: 'Running', color: 'yellow', Icon: IconPlayerPlay },
  waiting: { label: 'Waiting', color: 'yellow', Icon: IconHourglass },
  succeeded: { label: 'Succeeded', color: 'pine', Icon: IconCheck },
  failed: { label: 'Failed', color: 'red', Icon: IconX },
  skipped: { label: 'Skipped', color: 'gray', Icon: IconPlayerSkipForward },
} as const;

export function stepStatusLabel(status: StepStatus): string {
  return SHOWN[status].label;
}

export function StepStatusIcon({ status, size = 14 }: { status: StepStatus; size?: number }) {
  const { Icon } = SHOWN[status];
  return <Icon size={size} stroke={2.25} aria-hidden="true" />;
}

export function StepStatusBadge({ status }: { status: StepStatus }) {
  const { label, color } = SHOWN[status];
  return (
    <Badge color={color} leftSection={<StepStatusIcon status={status} size={12} />}>
      {label}
    </Badge>
  );
}
