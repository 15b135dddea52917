import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import type { SyntheticEvent } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { useRegister } from '@/features/session/api/register';
import { fieldErrors } from '@/features/session/components/field-errors';
import { formText } from '@/features/session/components/form-text';
import { PASSWORD_RULE } from '@/features/session/components/password-rule';

export function RegisterForm({ onRegistered }: { onRegistered: () => void }) {
  const register = useRegister();
  const { at, onTop } = fieldErrors(register.error, ['name', 'email', 'password']);

  function submit(event: SyntheticEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    register.mutate(
      { name: formText(form, 'name'), email: formText(form, 'email'), password: formText(form, 'password') },
      { onSuccess: onRegistered },
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
        <TextInput
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          required
          withAsterisk={false}
          error={at.email}
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
        <Button type="submit" loading={register.isPending} fullWidth mt="xs">
          Create account
        </Button>
      </Stack>
    </form>
  );
}
