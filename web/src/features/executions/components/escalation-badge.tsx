import { Badge, Tooltip } from '@mantine/core';
import { IconUserExclamation } from '@tabler/icons-react';

import type { Execution } from '@/features/executions/api/get-execution';

/** Stands beside a run that a person must decide about; says why on demand. */
export function EscalationBadge({ escalation }: { escalation: NonNullable<Execution['escalation']> }) {
  return (
    <Tooltip label={escalation.rule}>
      <Badge color="yellow" leftSection={<IconUserExclamation size={12} stroke={2} aria-hidden="true" />}>
        For a person
      </Badge>
    </Tooltip>
  );
}
