import { Text, Title } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import classes from '@/app/routes/list-head.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { LetterFilters } from '@/features/dead-letters/components/letter-filters';
import { LetterList } from '@/features/dead-letters/components/letter-list';
import { isOperator } from '@/lib/session/session';
import { useUser } from '@/lib/session/use-user';

const route = getRouteApi('/member/dead-letters');

export function DeadLettersPage() {
  usePageTitle('Dead letters');
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const mayFilter = isOperator(useUser());
  return (
    <>
      <header className={classes.head}>
        <div>
          <Title order={1}>Dead letters</Title>
          <Text c="dimmed" mt={4}>
            Work that the platform tried several times and gave up.
          </Text>
        </div>
        {mayFilter && <LetterFilters filter={filter} onChange={(search) => void navigate({ search, replace: true })} />}
      </header>
      <LetterList key={filter.source ?? ''} filter={filter} />
    </>
  );
}
