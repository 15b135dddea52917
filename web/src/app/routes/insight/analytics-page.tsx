import { Select, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';

import classes from '@/app/routes/list-head.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { listGroupsOptions } from '@/features/agents/api/list-groups';
import { AgentName } from '@/features/agents/components/agent-name';
import { AgentPicker } from '@/features/agents/components/agent-picker';
import { AnalyticsFilters } from '@/features/analytics/components/analytics-filters';
import { AnalyticsReport } from '@/features/analytics/components/analytics-report';
import type { AnalyticsFilter } from '@/features/analytics/filter';
import { titleOf } from '@/lib/json-schema/titles';
import { isAdmin } from '@/lib/session/session';
import { useUser } from '@/lib/session/use-user';

const route = getRouteApi('/member/analytics');

export function AnalyticsPage() {
  usePageTitle('Analytics');
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const maySeeAll = isAdmin(useUser());
  const groups = useQuery(listGroupsOptions);
  const groupName = (id: string) => groups.data?.find((group) => group.id === id)?.name ?? titleOf(id);
  const isOfAll = maySeeAll && filter.of === undefined;
  const change = (search: AnalyticsFilter) => void navigate({ search, replace: true, resetScroll: false });
  return (
    <>
      <header className={classes.head}>
        <div>
          <Title order={1}>Analytics</Title>
          <Text c="dimmed" mt={4}>
            {isOfAll
              ? 'What everybody’s agents and workflows did, what it cost, and how fast it was.'
              : 'What your agents and workflows did, what it cost, and how fast it was.'}
          </Text>
        </div>
      </header>
      <AnalyticsFilters filter={filter} onChange={change} isAdmin={maySeeAll}>
        <Select
          label="Group"
          placeholder="Any group"
          data={groups.data?.map(({ id, name }) => ({ value: id, label: name })) ?? []}
          value={filter.group ?? null}
          onChange={(group) => change({ ...filter, group: group ?? undefined })}
          searchable
          clearable
        />
        <AgentPicker value={filter.agent} onChange={(agent) => change({ ...filter, agent })} />
      </AnalyticsFilters>
      <AnalyticsReport filter={filter} onChange={change} isOfAll={isOfAll} names={{ AgentName, groupName }} />
    </>
  );
}
