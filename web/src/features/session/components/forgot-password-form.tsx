import { Alert, Button, Stack, Text, TextInput } from '@mantine/core';
import { IconMail } from '@tabler/icons-react';
import type { SyntheticEvent } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { useForgotPassword } from '@/features/session/api/by-mail';
import { fieldErrors } from '@/features/session/components/field-errors';
import { formText } from '@/features/session/components/form-text';

/** Asks for the mail; whether there is such an account, nobody is told. */
export function ForgotPasswordForm() {
  const forgot = useForgotPassword();
  const { at, onTop } = fieldErrors(forgot.error, ['email']);

  function submit(event: SyntheticEvent<HTMLFormElement>) {
    event.preventDefault();
    forgot.mutate({ email: formText(new FormData(event.currentTarget), 'email') });
  }

  if (forgot.isSuccess) {
    return (
      <Alert color="pine" variant="light" icon={<IconMail />} title="Look into your mailbox" role="status">
        <Text size="sm">
          If there is an account with this address, a mail with a link is on its way. The link is good for 30 minutes
          and works once.
        </Text>
      </Alert>
    );
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {onTop && <ProblemAlert error={onTop} title="No mail was asked for" />}
        <TextInput
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          description="Of your account. The mail has a link that sets a new password."
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          required
          withAsterisk={false}
          error={at.email}
          autoFocus
        />
        <Button type="submit" loading={forgot.isPending} fullWidth mt="xs">
          Send the mail
        </Button>
      </Stack>
    </form>
  );
}
