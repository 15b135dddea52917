import { Group, Stack, Text } from '@mantine/core';

import { ConfirmButton } from '@/components/confirm-button';
import { Panel } from '@/components/panel';
import { useRevokeAll } from '@/features/session/api/account';

/** The way out of every browser at once. */
export function SessionsPanel({ onSignedOut }: { onSignedOut: () => void }) {
  const others = useRevokeAll();
  const all = useRevokeAll();
  return (
    <Panel title="Sessions">
      <Stack gap="md" align="flex-start">
        <Text size="sm">
          A session that nobody uses ends by itself. End them all now if a device is lost, or if somebody else may have
          signed in. API keys stay; they are revoked one by one.
        </Text>
        {others.isSuccess && (
          <Text size="sm" role="status">
            You are signed out everywhere else.
          </Text>
        )}
        <Group gap="sm">
          <ConfirmButton
            question="Sign out everywhere else?"
            consequence="Every other session ends at once. This browser stays signed in."
            yes="Sign out everywhere else"
            no="Cancel"
            isPending={others.isPending}
            error={others.error}
            onConfirm={(close) => others.mutate({ start_anew: true }, { onSuccess: close })}
          >
            Sign out everywhere else
          </ConfirmButton>
          <ConfirmButton
            question="Sign out everywhere?"
            consequence="Every session ends at once, that of this browser too."
            yes="Sign out everywhere"
            no="Cancel"
            isPending={all.isPending}
            error={all.error}
            onConfirm={(close) =>
              all.mutate(
                { start_anew: false },
                {
                  onSuccess: () => {
                    close();
                    onSignedOut();
                  },
                },
              )
            }
          >
            Sign out everywhere
          </ConfirmButton>
        </Group>
      </Stack>
    </Panel>
  );
}
