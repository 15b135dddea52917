import { useSyncExternalStore } from 'react';

import { currentUser, subscribe, type User } from '@/lib/session/session';

/** Who is signed in, or null; follows sign-in and sign-out. */
export function useUser(): User | null {
  return useSyncExternalStore(subscribe, currentUser);
}
