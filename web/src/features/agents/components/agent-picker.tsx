import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { findAgentCardOptions } from '@/features/agents/api/find-agent-card';
import { listAgentsOptions } from '@/features/agents/api/list-agents';

interface AgentPickerProps {
  value: string | undefined;
  onChange: (agentId: string | undefined) => void;
}

/** One agent of the catalogue, found by typing. */
export function AgentPicker({ value, onChange }: AgentPickerProps) {
  const [typed, setTyped] = useState('');
  const chosen = useQuery({ ...findAgentCardOptions(value ?? ''), enabled: value !== undefined }).data;
  // The name of what is chosen stands in the box; that is no search.
  const [q] = useDebouncedValue(typed === chosen?.name ? '' : typed.trim(), 250);
  const agents = useInfiniteQuery(listAgentsOptions({ q }));
  const cards = agents.data?.pages[0]?.items ?? [];
  const all = chosen && !cards.some(({ id }) => id === chosen.id) ? [chosen, ...cards] : cards;
  return (
    <Select
      label="Agent"
      placeholder="What needs doing?"
      data={all.map(({ id, name }) => ({ value: id, label: name }))}
      value={value ?? null}
      onChange={(id) => onChange(id ?? undefined)}
      searchValue={typed}
      onSearchChange={setTyped}
      // The platform has searched already, in more than the names.
      filter={({ options }) => options}
      searchable
      clearable
      nothingFoundMessage="No agent matches"
    />
  );
}
