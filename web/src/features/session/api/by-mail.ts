import { useMutation } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';
import { currentUser, end, renew } from '@/lib/session/session';

type Schemas = components['schemas'];

export function useForgotPassword() {
  return useMutation({
    mutationFn: (body: Schemas['ForgotPasswordRequest']) =>
      answerOf(api.POST('/api/v1/auth/forgot-password', { body })),
  });
}

/** Every session ends on the server, the one of this browser as well. */
export function useResetPassword() {
  return useMutation({
    mutationFn: (body: Schemas['ResetPasswordRequest']) => answerOf(api.POST('/api/v1/auth/reset-password', { body })),
    onSuccess: end,
  });
}

/** Whoever is signed in gets a token that names the address. */
export function useVerifyEmail() {
  return useMutation({
    mutationFn: (body: Schemas['VerifyEmailRequest']) => answerOf(api.POST('/api/v1/auth/verify-email', { body })),
    onSuccess: async () => {
      if (currentUser()) await renew();
    },
  });
}
