import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import type { SyntheticEvent } from 'react';

import { useSignIn } from '@/features/session/api/sign-in';
import { fieldErrors } from '@/features/session/components/field-errors';
import { formText } from '@/features/session/components/form-text';
import { SignInProblem } from '@/features/session/components/sign-in-problem';

export function SignInForm({ onSignedIn }: { onSignedIn: () => void }) {
  const signIn = useSignIn();
  const { at, onTop } = fieldErrors(signIn.error, ['email', 'password']);

  function submit(event: SyntheticEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    signIn.mutate({ email: formText(form, 'email'), password: formText(form, 'password') }, { onSuccess: onSignedIn });
  }

  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {onTop && <SignInProblem error={onTop} since={signIn.submittedAt} />}
        <TextInput
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          required
          withAsterisk={false}
          error={at.email}
          data-autofocus
          autoFocus
        />
        <PasswordInput
          label="Password"
          name="password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          error={at.password}
          aria-invalid={at.password !== undefined}
        />
        <Button type="submit" loading={signIn.isPending} fullWidth mt="xs">
          Sign in
        </Button>
      </Stack>
    </form>
  );
}
