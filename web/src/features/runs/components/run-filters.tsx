import { Select } from '@mantine/core';

import type { RunStatus } from '@/features/runs/api/get-run';
import type { RunFilter } from '@/features/runs/api/list-runs';
import { RUN_STATUSES } from '@/features/runs/components/run-status';

interface RunFiltersProps {
  filter: RunFilter;
  onChange: (filter: RunFilter) => void;
}

/** Narrows the list of runs by how they stand. */
export function RunFilters({ filter, onChange }: RunFiltersProps) {
  return (
    <Select
      w="11rem"
      aria-label="Status"
      placeholder="Any status"
      data={RUN_STATUSES}
      value={filter.status ?? null}
      onChange={(status) => onChange({ ...filter, status: (status ?? undefined) as RunStatus | undefined })}
      clearable
    />
  );
}
