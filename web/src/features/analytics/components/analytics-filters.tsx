import { Button, SegmentedControl } from '@mantine/core';
import type { ReactNode } from 'react';

import classes from '@/features/analytics/components/analytics.module.css';
import { RangePicker } from '@/features/analytics/components/range-picker';
import type { AnalyticsFilter } from '@/features/analytics/filter';

interface AnalyticsFiltersProps {
  filter: AnalyticsFilter;
  onChange: (filter: AnalyticsFilter) => void;
  /** Administrators may choose between everybody's figures and their own. */
  isAdmin: boolean;
  /** Choices among groups and agents, which are the catalogue's. */
  children: ReactNode;
}

/** What the figures are about. */
export function AnalyticsFilters({ filter, onChange, isAdmin, children }: AnalyticsFiltersProps) {
  const { group, agent, model, user } = filter;
  const isNarrowed = [group, agent, model, user].some((value) => value !== undefined);
  return (
    <div className={classes.filters} role="group" aria-label="Filters">
      <RangePicker filter={filter} onChange={onChange} />
      {isAdmin && (
        <SegmentedControl
          data-fits
          aria-label="Whose figures"
          data={[
            { value: 'all', label: 'Everybody' },
            { value: 'mine', label: 'Mine' },
          ]}
          value={filter.of ?? 'all'}
          onChange={(of) => onChange({ ...filter, of: of === 'mine' ? 'mine' : undefined, user: undefined })}
        />
      )}
      {children}
      {model && <LetGo label="Model" value={model} onClick={() => onChange({ ...filter, model: undefined })} />}
      {user && <LetGo label="User" value="one user" onClick={() => onChange({ ...filter, user: undefined })} />}
      {isNarrowed && (
        <Button
          data-fits
          variant="subtle"
          color="gray"
          onClick={() => onChange({ ...filter, group: undefined, agent: undefined, model: undefined, user: undefined })}
        >
          Clear all
        </Button>
      )}
    </div>
  );
}

function LetGo({ label, value, onClick }: { label: string; value: string; onClick: () => void }) {
  return (
    <Button data-fits variant="default" aria-label={`${label}: ${value}. Show all`} onClick={onClick}>
      {label}: {value} ×
    </Button>
  );
}
