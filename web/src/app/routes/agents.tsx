import { Text, Title } from '@mantine/core';
import { createRoute } from '@tanstack/react-router';

import { memberRoute } from '@/app/routes/member';
import classes from '@/app/routes/agents.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { SearchBox } from '@/components/search-box';
import { type AgentFilter, isModelTier, type ModelTier } from '@/features/agents/api/list-agents';
import { AgentCatalogue } from '@/features/agents/components/agent-catalogue';
import { GroupList } from '@/features/agents/components/group-list';

export const agentsRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/',
  component: AgentsPage,
  validateSearch: (search: Record<string, unknown>): AgentFilter => withoutBlanks(search),
});

function AgentsPage() {
  usePageTitle('Agents');
  const search = agentsRoute.useSearch();
  const navigate = agentsRoute.useNavigate();
  return (
    <>
      <header className={classes.head}>
        <Title order={1}>Find the agent for the task</Title>
        <Text c="dimmed" mt="xs">
          Each one does a single job and tells you when another suits better.
        </Text>
        <div className={classes.search}>
          <SearchBox
            label="Search agents"
            placeholder="What needs doing?"
            value={search.q ?? ''}
            onSearch={(q) => void navigate({ search: (others) => withoutBlanks({ ...others, q }), replace: true })}
          />
        </div>
      </header>
      <div className={classes.columns}>
        <aside className={classes.side}>
          <GroupList filter={search} />
        </aside>
        <AgentCatalogue
          filter={search}
          onFilter={(filter) => void navigate({ search: withoutBlanks({ ...filter }) })}
        />
      </div>
    </>
  );
}

/** Characters the API accepts. */
const LONGEST_QUERY = 200;

function withoutBlanks(search: Record<string, unknown>): AgentFilter {
  return {
    q: textOf(search['q']),
    group: textOf(search['group']),
    tag: textOf(search['tag']),
    model: tierOf(search['model']),
  };
}

function tierOf(value: unknown): ModelTier | undefined {
  return isModelTier(value) ? value : undefined;
}

/** The router reads `?q=2291` as a number. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number'
    ? String(value).slice(0, LONGEST_QUERY) || undefined
    : undefined;
}
