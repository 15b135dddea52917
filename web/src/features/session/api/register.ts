import { useMutation } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';
import { begin } from '@/lib/session/session';

type Registration = components['schemas']['RegisterRequest'];

export function useRegister() {
  return useMutation({
    mutationFn: (body: Registration) => answerOf(api.POST('/api/v1/auth/register', { body })),
    onSuccess: begin,
  });
}
