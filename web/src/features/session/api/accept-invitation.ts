import { useMutation } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';
import { begin } from '@/lib/session/session';

export function useAcceptInvitation() {
  return useMutation({
    mutationFn: (body: components['schemas']['AcceptInvitationRequest']) =>
      answerOf(api.POST('/api/v1/auth/accept-invitation', { body })),
    onSuccess: begin,
    gcTime: 0,
  });
}
