import { Badge } from '@mantine/core';
import { IconArchive, IconCircleCheck, IconPencil } from '@tabler/icons-react';

import type { WorkflowSummary } from '@/features/workflows/api/list-workflows';

const SHOWN = {
  draft: { label: 'Draft', color: 'yellow', Icon: IconPencil },
  published: { label: 'Published', color: 'pine', Icon: IconCircleCheck },
  archived: { label: 'Archived', color: 'gray', Icon: IconArchive },
} as const;

export function WorkflowStatus({ status }: { status: WorkflowSummary['status'] }) {
  const { label, color, Icon } = SHOWN[status];
  return (
    <Badge color={color} leftSection={<Icon size={12} stroke={2} aria-hidden="true" />}>
      {label}
    </Badge>
  );
}
