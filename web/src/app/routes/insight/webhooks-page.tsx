import { Button, Group, SegmentedControl, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { getRouteApi } from '@tanstack/react-router';

import classes from '@/app/routes/list-head.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { NewWebhookForm } from '@/features/webhooks/components/new-webhook-form';
import { WebhookList } from '@/features/webhooks/components/webhook-list';
import { isAdmin } from '@/lib/session/session';
import { useUser } from '@/lib/session/use-user';

const route = getRouteApi('/member/webhooks');

export function WebhooksPage() {
  usePageTitle('Webhooks');
  const { of } = route.useSearch();
  const navigate = route.useNavigate();
  const mayAskForAll = isAdmin(useUser());
  const [isAdding, { open, close }] = useDisclosure(false);
  return (
    <>
      <header className={classes.head}>
        <div>
          <Title order={1}>Webhooks</Title>
          <Text c="dimmed" mt={4}>
            Events, sent signed to addresses of yours.
          </Text>
        </div>
        <Group gap="sm">
          {mayAskForAll && (
            <SegmentedControl
              aria-label="Whose webhooks"
              data={[
                { value: 'mine', label: 'My events' },
                { value: 'everybody', label: 'Events of everybody' },
              ]}
              value={of ?? 'mine'}
              onChange={(next) =>
                void navigate({ search: { of: next === 'everybody' ? 'everybody' : undefined }, replace: true })
              }
            />
          )}
          <Button onClick={open}>New webhook</Button>
        </Group>
      </header>
      <WebhookList isPlatformWide={of === 'everybody'} onAdd={open} />
      <NewWebhookForm isOpen={isAdding} onClose={close} isAdmin={mayAskForAll} />
    </>
  );
}
