import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import type { SyntheticEvent } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { useAcceptInvitation } from '@/features/session/api/accept-invitation';
import { fieldErrors } from '@/features/session/components/field-errors';
import { formText } from '@/features/session/components/form-text';
import { PASSWORD_RULE } from '@/features/session/components/password-rule';

/** Makes the account that a mail invited to. */
export function AcceptInvitationForm({ token, onAccepted }: { token: string; onAccepted: () => void }) {
  const accept = useAcceptInvitation();
  const { at, onTop } = fieldErrors(accept.error, ['name', 'password']);

  function submit(event: SyntheticEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    accept.mutate(
      { token, name: formText(form, 'name'), password: formText(form, 'password') },
      { onSuccess: onAccepted },
    );
  }

  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {onTop && <ProblemAlert error={onTop} title="The account was not created" />}
        <TextInput
          label="Name"
          name="name"
          autoComplete="name"
          required
          withAsterisk={false}
          error={at.name}
          autoFocus
        />
        <PasswordInput
          label="Password"
          name="password"
          autoComplete="new-password"
          description={PASSWORD_RULE}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          required
          withAsterisk={false}
          error={at.password}
          aria-invalid={at.password !== undefined}
        />
        <Button type="submit" loading={accept.isPending} fullWidth mt="xs">
          Create account
        </Button>
      </Stack>
    </form>
  );
}
