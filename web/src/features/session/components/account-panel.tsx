import { Badge, Button, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { getMeOptions, useSendVerification } from '@/features/session/api/account';
import { useUser } from '@/lib/session/use-user';

/** Who this is, and whether the address was proved to be theirs. */
export function AccountPanel() {
  const remembered = useUser();
  const me = useQuery(getMeOptions);
  const send = useSendVerification();
  const user = me.data ?? remembered;
  if (!user) return null;
  return (
    <Panel title="You">
      <Stack gap="sm">
        {me.error && <ProblemAlert error={me.error} onRetry={() => void me.refetch()} />}
        <Text fw={600}>{user.name}</Text>
        <Group gap="xs">
          <Text style={{ overflowWrap: 'anywhere' }}>{user.email}</Text>
          <Badge color={user.email_verified ? 'pine' : 'yellow'}>
            {user.email_verified ? 'Confirmed' : 'Not confirmed'}
          </Badge>
        </Group>
        <Text size="sm" c="dimmed">
          Roles: {user.roles.join(', ')}
        </Text>
        {!user.email_verified && (
          <Stack gap="xs" align="flex-start">
            <Text size="sm">
              Until the address is confirmed, approvals that name it do not reach you. The link in the mail is good for
              24 hours.
            </Text>
            {send.error && <ProblemAlert error={send.error} title="The mail was not sent" />}
            {send.isSuccess ? (
              <Text size="sm" role="status">
                A mail is on its way.
              </Text>
            ) : (
              <Button variant="default" size="xs" loading={send.isPending} onClick={() => send.mutate()}>
                Send the mail again
              </Button>
            )}
          </Stack>
        )}
      </Stack>
    </Panel>
  );
}
