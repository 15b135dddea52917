import { Button, PasswordInput, Stack, Text } from '@mantine/core';
import type { SyntheticEvent } from 'react';

import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { useChangePassword } from '@/features/session/api/account';
import { fieldErrors } from '@/features/session/components/field-errors';
import { formText } from '@/features/session/components/form-text';
import { PASSWORD_RULE } from '@/features/session/components/password-rule';

export function ChangePasswordForm() {
  const change = useChangePassword();
  // The longer name first: each fault belongs to the field whose name it ends with.
  const { at, onTop } = fieldErrors(change.error, ['current_password', 'password']);

  function submit(event: SyntheticEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const typed = new FormData(form);
    change.mutate(
      { current_password: formText(typed, 'current_password'), password: formText(typed, 'password') },
      { onSuccess: () => form.reset() },
    );
  }

  return (
    <Panel title="Password">
      <form onSubmit={submit}>
        <Stack gap="md" maw={420}>
          {onTop && <ProblemAlert error={onTop} title="The password was not changed" />}
          {change.isSuccess && (
            <Text size="sm" role="status">
              The password is changed. You are signed out everywhere else.
            </Text>
          )}
          <PasswordInput
            label="Current password"
            name="current_password"
            autoComplete="current-password"
            required
            withAsterisk={false}
            error={at.current_password}
            aria-invalid={at.current_password !== undefined}
          />
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
          />
          <Button type="submit" loading={change.isPending} style={{ alignSelf: 'flex-start' }}>
            Change the password
          </Button>
        </Stack>
      </form>
    </Panel>
  );
}
