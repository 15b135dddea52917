import { Alert, Button, PasswordInput, Stack, Text } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import type { SyntheticEvent } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { useResetPassword } from '@/features/session/api/by-mail';
import { fieldErrors } from '@/features/session/components/field-errors';
import { formText } from '@/features/session/components/form-text';
import { PASSWORD_RULE } from '@/features/session/components/password-rule';

/** Sets a new password by the token of a mail's link. */
export function ResetPasswordForm({ token }: { token: string }) {
  const reset = useResetPassword();
  const { at, onTop } = fieldErrors(reset.error, ['password']);

  function submit(event: SyntheticEvent<HTMLFormElement>) {
    event.preventDefault();
    reset.mutate({ token, password: formText(new FormData(event.currentTarget), 'password') });
  }

  if (reset.isSuccess) {
    return (
      <Alert color="pine" variant="light" icon={<IconCheck />} title="The new password is set" role="status">
        <Text size="sm">You are signed out everywhere. Sign in with the new password.</Text>
      </Alert>
    );
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {onTop && <ProblemAlert error={onTop} title="The password was not set" />}
        <PasswordInput
          label="New password"
          name="password"
          autoComplete="new-password"
          description={PASSWORD_RULE}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          required
          withAsterisk={false}
          error={at.password}
          aria-invalid={at.password !== undefined}
          autoFocus
        />
        <Button type="submit" loading={reset.isPending} fullWidth mt="xs">
          Set the password
        </Button>
      </Stack>
    </form>
  );
}
