import { Text, Title } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import classes from '@/app/routes/list-head.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { AuditActions } from '@/features/audit/components/audit-actions';
import { AuditFilters } from '@/features/audit/components/audit-filters';
import { AuditLog } from '@/features/audit/components/audit-log';
import { isOperator } from '@/lib/session/session';
import { useUser } from '@/lib/session/use-user';

const route = getRouteApi('/member/audit');

export function AuditPage() {
  usePageTitle('Audit log');
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const mayAct = isOperator(useUser());
  return (
    <>
      <header className={classes.head}>
        <div>
          <Title order={1}>Audit log</Title>
          <Text c="dimmed" mt={4}>
            Every execution and every run, in order, chained by hashes so that no entry can be changed unnoticed.
          </Text>
        </div>
      </header>
      {mayAct && (
        <>
          <AuditActions />
          <AuditFilters filter={filter} onChange={(search) => void navigate({ search, replace: true })} />
        </>
      )}
      <AuditLog filter={filter} />
    </>
  );
}
