import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import type { AgentFilter } from '@/features/agents/api/list-agents';
import { listGroupsOptions } from '@/features/agents/api/list-groups';
import { listTagsOptions } from '@/features/agents/api/list-tags';
import classes from '@/features/agents/components/agent-filters.module.css';
import { titleOf } from '@/lib/json-schema/titles';

interface AgentFiltersProps {
  filter: AgentFilter;
  onChange: (filter: AgentFilter) => void;
}

/** Group and tag as selects; the group's is for narrow screens, where the list of groups has no room. */
export function AgentFilters({ filter, onChange }: AgentFiltersProps) {
  const groups = useQuery(listGroupsOptions);
  const tags = useQuery(listTagsOptions);
  return (
    <div className={classes.filters}>
      <Select
        className={classes.group}
        aria-label="Group"
        placeholder="All groups"
        data={(groups.data ?? []).map((group) => ({ value: group.id, label: `${group.name} (${group.agents})` }))}
        value={filter.group ?? null}
        onChange={(group) => onChange({ ...filter, group: group ?? undefined })}
        searchable
        clearable
        nothingFoundMessage="No such group"
      />
      <Select
        className={classes.tag}
        aria-label="Tag"
        placeholder="Any tag"
        data={(tags.data ?? []).map((tag) => ({ value: tag.id, label: `${titleOf(tag.id)} (${tag.agents})` }))}
        value={filter.tag ?? null}
        onChange={(tag) => onChange({ ...filter, tag: tag ?? undefined })}
        searchable
        clearable
        limit={100}
        nothingFoundMessage="No such tag"
      />
    </div>
  );
}
