import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { type AgentFilter, type Facets, isModelTier } from '@/features/agents/api/list-agents';
import { listGroupsOptions } from '@/features/agents/api/list-groups';
import classes from '@/features/agents/components/agent-filters.module.css';
import { titleOf } from '@/lib/json-schema/titles';

interface AgentFiltersProps {
  filter: AgentFilter;
  facets: Facets | undefined;
  onChange: (filter: AgentFilter) => void;
}

/**
 * Group, tag and model tier as selects, each choice with the number of agents it leaves; the group's is for narrow
 * screens, where the list of groups has no room.
 */
export function AgentFilters({ filter, facets, onChange }: AgentFiltersProps) {
  const groups = useQuery(listGroupsOptions);
  return (
    <div className={classes.filters}>
      <Select
        className={classes.group}
        aria-label="Group"
        placeholder="All groups"
        data={(groups.data ?? []).map(({ id, name }) => ({ value: id, label: `${name} (${facets?.group[id] ?? 0})` }))}
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
        data={withChosen(facets?.tag, filter.tag).map(([id, agents]) => ({
          value: id,
          label: `${titleOf(id)} (${agents})`,
        }))}
        value={filter.tag ?? null}
        onChange={(tag) => onChange({ ...filter, tag: tag ?? undefined })}
        searchable
        clearable
        limit={100}
        nothingFoundMessage="No such tag"
      />
      <Select
        className={classes.model}
        aria-label="Model tier"
        placeholder="Any model"
        data={withChosen(facets?.model, filter.model).map(([id, agents]) => ({
          value: id,
          label: `${titleOf(id)} (${agents})`,
        }))}
        value={filter.model ?? null}
        onChange={(model) => onChange({ ...filter, model: isModelTier(model) ? model : undefined })}
        clearable
      />
    </div>
  );
}

/** The values that can be chosen with their numbers, and the chosen one even where it leaves nothing. */
function withChosen(counts: Record<string, number> | undefined, chosen: string | undefined): [string, number][] {
  return Object.entries({ ...(chosen ? { [chosen]: 0 } : {}), ...counts });
}
