import { Select } from '@mantine/core';

import type { ExecutionStatus } from '@/features/executions/api/get-execution';
import type { ExecutionFilter } from '@/features/executions/api/list-executions';
import { STATUS_LABELS } from '@/features/executions/components/status-badge';

interface ExecutionFiltersProps {
  filter: ExecutionFilter;
  onChange: (filter: ExecutionFilter) => void;
}

/** Narrows the list of runs by how they stand. */
export function ExecutionFilters({ filter, onChange }: ExecutionFiltersProps) {
  return (
    <Select
      w="11rem"
      aria-label="Status"
      placeholder="Any status"
      data={STATUS_LABELS}
      value={filter.status ?? null}
      onChange={(status) => onChange({ ...filter, status: (status ?? undefined) as ExecutionStatus | undefined })}
      clearable
    />
  );
}
