import { useMutation } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';
import { begin } from '@/lib/session/session';

type Credentials = components['schemas']['LoginRequest'];

export function useSignIn() {
  return useMutation({
    mutationFn: (body: Credentials) => answerOf(api.POST('/api/v1/auth/login', { body })),
    onSuccess: begin,
  });
}
