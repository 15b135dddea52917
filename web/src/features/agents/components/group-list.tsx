import { Skeleton } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { type AgentFilter, listAgentsOptions } from '@/features/agents/api/list-agents';
import { listGroupsOptions } from '@/features/agents/api/list-groups';
import classes from '@/features/agents/components/group-list.module.css';
import { formatCount } from '@/lib/format';

/** The groups beside the catalogue with what each has of the search; choosing one keeps search, tag and model. */
export function GroupList({ filter }: { filter: AgentFilter }) {
  const groups = useQuery(listGroupsOptions);
  const found = useInfiniteQuery(listAgentsOptions(filter)).data?.pages[0]?.facets.group;
  const agentsOf = (group: string) => found?.[group] ?? 0;
  const total = Object.values(found ?? {}).reduce((sum, agents) => sum + agents, 0);
  return (
    <nav aria-label="Groups of agents" className={classes.list}>
      {groups.isPending &&
        Array.from({ length: 10 }, (_, row) => (
          <Skeleton key={row} height={14} my={9} ml={10} width={`${55 + ((row * 29) % 35)}%`} />
        ))}
      {groups.data && (
        <>
          <GroupLink name="All groups" agents={total} current={!filter.group} />
          {groups.data.map((group) => (
            <GroupLink
              key={group.id}
              id={group.id}
              name={group.name}
              agents={agentsOf(group.id)}
              current={group.id === filter.group}
            />
          ))}
        </>
      )}
    </nav>
  );
}

interface GroupLinkProps {
  id?: string;
  name: string;
  agents: number;
  current: boolean;
}

function GroupLink({ id, name, agents, current }: GroupLinkProps) {
  return (
    <Link
      to="/"
      search={({ group: _group, ...others }) => (id ? { ...others, group: id } : others)}
      activeProps={{}}
      aria-current={current ? 'true' : undefined}
      className={classes.link}
      data-current={current || undefined}
    >
      <span>{name}</span>
      <span className={classes.count}>{formatCount(agents)}</span>
    </Link>
  );
}
