import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { listGroupsOptions } from '@/features/agents/api/list-groups';
import classes from '@/features/agents/components/group-list.module.css';
import { formatCount } from '@/lib/format';

/** The groups beside the catalogue; choosing one keeps the search and the tag. */
export function GroupList({ chosen }: { chosen: string | undefined }) {
  const groups = useQuery(listGroupsOptions);
  const total = groups.data?.reduce((sum, group) => sum + group.agents, 0);
  return (
    <nav aria-label="Groups of agents" className={classes.list}>
      {groups.isPending &&
        Array.from({ length: 10 }, (_, row) => (
          <Skeleton key={row} height={14} my={9} ml={10} width={`${55 + ((row * 29) % 35)}%`} />
        ))}
      {groups.data && (
        <>
          <GroupLink name="All groups" agents={total ?? 0} current={!chosen} />
          {groups.data.map((group) => (
            <GroupLink
              key={group.id}
              id={group.id}
              name={group.name}
              agents={group.agents}
              current={group.id === chosen}
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
