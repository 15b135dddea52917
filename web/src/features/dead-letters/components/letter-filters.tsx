import { Group, SegmentedControl, Select } from '@mantine/core';

import type { LetterFilter, Source, State } from '@/features/dead-letters/api/dead-letters';
import { SOURCES, STATES } from '@/features/dead-letters/in-words';

interface LetterFiltersProps {
  filter: LetterFilter;
  onChange: (filter: LetterFilter) => void;
}

/** Narrows the letters by how they stand and whose work failed. */
export function LetterFilters({ filter, onChange }: LetterFiltersProps) {
  return (
    <Group gap="sm">
      <SegmentedControl
        aria-label="State"
        data={Object.entries(STATES).map(([value, { label }]) => ({ value, label }))}
        value={filter.state ?? 'open'}
        onChange={(state) => onChange({ ...filter, state: state === 'open' ? undefined : (state as State) })}
      />
      <Select
        w="13rem"
        aria-label="Source"
        placeholder="Any source"
        data={Object.entries(SOURCES).map(([value, label]) => ({ value, label }))}
        value={filter.source ?? null}
        onChange={(source) => onChange({ ...filter, source: (source ?? undefined) as Source | undefined })}
        clearable
      />
    </Group>
  );
}
