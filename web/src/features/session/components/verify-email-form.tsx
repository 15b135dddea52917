import { Alert, Button, Stack, Text } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';

import { ProblemAlert } from '@/components/problem-alert';
import { useVerifyEmail } from '@/features/session/api/by-mail';

/** Confirms an address by a click: programs that look into mails open links, and should confirm nothing by that. */
export function VerifyEmailForm({ token }: { token: string }) {
  const verify = useVerifyEmail();
  if (verify.isSuccess) {
    return (
      <Alert color="pine" variant="light" icon={<IconCheck />} title="The address is confirmed" role="status">
        <Text size="sm">Approvals and mails that name this address now reach you.</Text>
      </Alert>
    );
  }
  return (
    <Stack gap="md">
      {verify.error && <ProblemAlert error={verify.error} title="The address was not confirmed" />}
      <Text size="sm">You have followed the link of a mail. Confirm that the address it came to is yours.</Text>
      <Button loading={verify.isPending} fullWidth onClick={() => verify.mutate({ token })}>
        Confirm the address
      </Button>
    </Stack>
  );
}
