import { Badge } from '@mantine/core';
import { IconCheck, IconChecks, IconClockX, IconHourglass, IconX } from '@tabler/icons-react';

import type { ToolApproval } from '@/features/tool-approvals/api/tool-approvals';

const SHOWN = {
  pending: { label: 'To decide', color: 'yellow', Icon: IconHourglass },
  approved: { label: 'Approved', color: 'pine', Icon: IconCheck },
  declined: { label: 'Declined', color: 'red', Icon: IconX },
  used: { label: 'Done once', color: 'pine', Icon: IconChecks },
  expired: { label: 'Expired', color: 'gray', Icon: IconClockX },
} as const;

export function ToolCallStatus({ status }: { status: ToolApproval['status'] }) {
  const { label, color, Icon } = SHOWN[status];
  return (
    <Badge color={color} leftSection={<Icon size={12} stroke={2.25} aria-hidden="true" />}>
      {label}
    </Badge>
  );
}
