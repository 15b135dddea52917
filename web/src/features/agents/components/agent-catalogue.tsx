import { Button, Skeleton, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';

import { EmptyNote } from '@/components/empty-note';
import { ProblemAlert } from '@/components/problem-alert';
import { type AgentFilter, listAgentsOptions } from '@/features/agents/api/list-agents';
import { listGroupsOptions } from '@/features/agents/api/list-groups';
import { Advice } from '@/features/agents/components/advice';
import { AgentCard } from '@/features/agents/components/agent-card';
import { AgentFilters } from '@/features/agents/components/agent-filters';
import classes from '@/features/agents/components/agent-catalogue.module.css';
import { formatCount } from '@/lib/format';
import { titleOf } from '@/lib/json-schema/titles';

interface AgentCatalogueProps {
  filter: AgentFilter;
  onFilter: (filter: AgentFilter) => void;
}

/** The cards that match, page by page, with what to do when there are none. */
export function AgentCatalogue({ filter, onFilter }: AgentCatalogueProps) {
  const agents = useInfiniteQuery(listAgentsOptions(filter));
  const groups = useQuery(listGroupsOptions);
  const groupName = (id: string) => groups.data?.find((group) => group.id === id)?.name ?? titleOf(id);

  const cards = agents.data?.pages.flatMap((page) => page.items) ?? [];
  const total = agents.data?.pages[0]?.total ?? 0;
  const isFiltered = Boolean(filter.q ?? filter.group ?? filter.tag ?? filter.model);

  return (
    <section aria-label="Agents">
      <Advice key={filter.q} ask={filter.q} />
      <div className={classes.bar}>
        <Text size="sm" c="dimmed" role="status" className={classes.count}>
          {agents.data ? found(total, filter.q) : ' '}
        </Text>
        <AgentFilters filter={filter} facets={agents.data?.pages[0]?.facets} onChange={onFilter} />
      </div>

      {agents.isError && !agents.data && <ProblemAlert error={agents.error} onRetry={() => void agents.refetch()} />}
      {agents.isPending && <CardSkeletons />}
      {agents.data && cards.length === 0 && (
        <EmptyNote
          title="No agent matches"
          action={
            isFiltered && (
              <Button variant="default" onClick={() => onFilter({})}>
                Clear search and filters
              </Button>
            )
          }
        >
          Try fewer or other words, or look through a whole group.
        </EmptyNote>
      )}

      <div className={classes.grid} data-stale={agents.isPlaceholderData || undefined}>
        {cards.map((card) => (
          <AgentCard key={card.id} card={card} groupName={groupName(card.group)} />
        ))}
      </div>

      {agents.isFetchNextPageError && <ProblemAlert error={agents.error} onRetry={() => void agents.fetchNextPage()} />}
      {agents.hasNextPage && !agents.isFetchNextPageError && (
        <div className={classes.more}>
          <Button variant="default" loading={agents.isFetchingNextPage} onClick={() => void agents.fetchNextPage()}>
            Show more
          </Button>
          <Text size="xs" c="dimmed">
            {formatCount(cards.length)} of {formatCount(total)}
          </Text>
        </div>
      )}
    </section>
  );
}

function found(total: number, q: string | undefined): string {
  const agents = `${formatCount(total)} ${total === 1 ? 'agent' : 'agents'}`;
  return q ? `${agents} for “${q}”` : agents;
}

function CardSkeletons() {
  return (
    <div className={classes.grid} aria-busy="true" aria-label="Loading agents">
      {Array.from({ length: 9 }, (_, card) => (
        <Skeleton key={card} height={196} radius="lg" />
      ))}
    </div>
  );
}
