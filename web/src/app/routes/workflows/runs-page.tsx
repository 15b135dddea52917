import { Anchor, Button, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import classes from '@/app/routes/list-head.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { EmptyNote } from '@/components/empty-note';
import { RunFilters } from '@/features/runs/components/run-filters';
import { RunList } from '@/features/runs/components/run-list';
import { getWorkflowOptions } from '@/features/workflows/api/get-workflow';

const route = getRouteApi('/member/runs');

export function RunsPage() {
  usePageTitle('Runs');
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const workflow = useQuery({ ...getWorkflowOptions(filter.workflow ?? ''), enabled: filter.workflow !== undefined });
  return (
    <>
      <header className={classes.head}>
        <div>
          <Title order={1}>Runs</Title>
          <Text c="dimmed" mt={4}>
            {filter.workflow ? (
              <>
                Your runs of {workflow.data?.title ?? 'one workflow'}.{' '}
                <Anchor
                  inherit
                  renderRoot={(props) => <Link {...props} to="/runs" search={{ status: filter.status }} />}
                >
                  Show all
                </Anchor>
              </>
            ) : (
              'Your runs of workflows, newest first; those that schedules and events started as well.'
            )}
          </Text>
        </div>
        <RunFilters filter={filter} onChange={(search) => void navigate({ search, replace: true })} />
      </header>
      <RunList
        filter={filter}
        empty={
          filter.status || filter.workflow ? (
            <EmptyNote title="No run is like that">Choose another status or workflow to see the others.</EmptyNote>
          ) : (
            <EmptyNote
              title="No workflow has been run yet"
              action={
                <Button variant="default" renderRoot={(props) => <Link {...props} to="/workflows" />}>
                  Find a workflow
                </Button>
              }
            >
              Every run stands here with its steps, what they took, and what they cost.
            </EmptyNote>
          )
        }
      />
    </>
  );
}
