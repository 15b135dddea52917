import { Badge } from '@mantine/core';
import { IconBan, IconCheck, IconClockX, IconHourglass, IconX } from '@tabler/icons-react';

import type { ApprovalSummary } from '@/features/approvals/api/list-approvals';

const SHOWN = {
  pending: { label: 'To decide', color: 'yellow', Icon: IconHourglass },
  approved: { label: 'Approved', color: 'pine', Icon: IconCheck },
  rejected: { label: 'Rejected', color: 'red', Icon: IconX },
  expired: { label: 'Expired', color: 'gray', Icon: IconClockX },
  withdrawn: { label: 'Withdrawn', color: 'gray', Icon: IconBan },
} as const;

export function ApprovalStatus({ status }: { status: ApprovalSummary['status'] }) {
  const { label, color, Icon } = SHOWN[status];
  return (
    <Badge color={color} leftSection={<Icon size={12} stroke={2.25} aria-hidden="true" />}>
      {label}
    </Badge>
  );
}
