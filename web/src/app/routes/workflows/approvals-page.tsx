import { SegmentedControl, Text, Title } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import classes from '@/app/routes/list-head.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { ApprovalList } from '@/features/approvals/components/approval-list';
import { ToolCallList } from '@/features/tool-approvals/components/tool-call-list';

const route = getRouteApi('/member/approvals');

export function ApprovalsPage() {
  usePageTitle('Approvals');
  const { status } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <>
      <header className={classes.head}>
        <div>
          <Title order={1}>Approvals</Title>
          <Text c="dimmed" mt={4}>
            Runs that wait for a person. The first decision counts.
          </Text>
        </div>
        <SegmentedControl
          aria-label="Which approvals"
          data={[
            { value: 'pending', label: 'To decide' },
            { value: 'decided', label: 'Decided' },
          ]}
          value={status ?? 'pending'}
          onChange={(next) =>
            void navigate({ search: { status: next === 'decided' ? 'decided' : undefined }, replace: true })
          }
        />
      </header>
      <ApprovalList status={status ?? 'pending'} />
      <Title order={2} size="h3" mt="xl" mb="md">
        Calls that agents want to make
      </Title>
      <ToolCallList status={status ?? 'pending'} />
    </>
  );
}
