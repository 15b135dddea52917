import { Button, Text, Title } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { getRouteApi, Link } from '@tanstack/react-router';

import classes from '@/app/routes/workflows/workflows.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { SearchBox } from '@/components/search-box';
import { WorkflowList } from '@/features/workflows/components/workflow-list';

const route = getRouteApi('/member/workflows');

export function WorkflowsPage() {
  usePageTitle('Workflows');
  const { q } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <>
      <header className={classes.head}>
        <div>
          <Title order={1}>Workflows</Title>
          <Text c="dimmed" mt={4}>
            Agents in several steps, with people deciding in between: yours, and those the platform brings along.
          </Text>
        </div>
        <Button
          leftSection={<IconPlus size={16} stroke={2} aria-hidden="true" />}
          renderRoot={(props) => <Link {...props} to="/workflows/new" />}
        >
          New workflow
        </Button>
      </header>
      <div className={classes.search}>
        <SearchBox
          label="Search workflows"
          placeholder="What is to be done?"
          value={q ?? ''}
          onSearch={(text) => void navigate({ search: { q: text || undefined }, replace: true })}
        />
      </div>
      <WorkflowList q={q} />
    </>
  );
}
