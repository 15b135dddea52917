import { Button, Group, Select, Stack, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { getRouteApi } from '@tanstack/react-router';

import classes from '@/app/routes/list-head.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { EmptyNote } from '@/components/empty-note';
import { SearchBox } from '@/components/search-box';
import { type PeopleFilter, ROLES, STATUSES } from '@/features/people/api/people';
import { InvitationList } from '@/features/people/components/invitation-list';
import { InviteForm } from '@/features/people/components/invite-form';
import { PersonList } from '@/features/people/components/person-list';
import { isAdmin } from '@/lib/session/session';
import { useUser } from '@/lib/session/use-user';

const route = getRouteApi('/member/people');

export function PeoplePage() {
  usePageTitle('People');
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const [isInviting, { open, close }] = useDisclosure(false);
  const change = (part: PeopleFilter) => void navigate({ search: { ...filter, ...part }, replace: true });
  if (!isAdmin(useUser())) {
    return <EmptyNote title="This page is for administrators">Ask one of them to change an account.</EmptyNote>;
  }
  return (
    <>
      <header className={classes.head}>
        <Title order={1}>People</Title>
        <Button onClick={open}>Invite</Button>
      </header>
      <Stack gap="md">
        <Group align="end">
          <SearchBox
            label="Search people"
            placeholder="Name or address"
            value={filter.q ?? ''}
            onSearch={(q) => change({ q: q || undefined })}
          />
          <Select
            aria-label="Role"
            placeholder="Any role"
            data={ROLES}
            value={filter.role ?? null}
            clearable
            onChange={(role) => change({ role: role ?? undefined })}
          />
          <Select
            aria-label="Status"
            placeholder="Any status"
            data={Object.entries(STATUSES).map(([value, label]) => ({ value, label }))}
            value={filter.status ?? null}
            clearable
            onChange={(status) => change({ status: (status ?? undefined) as PeopleFilter['status'] })}
          />
        </Group>
        <InvitationList />
        <PersonList filter={filter} />
      </Stack>
      <InviteForm isOpen={isInviting} onClose={close} />
    </>
  );
}
