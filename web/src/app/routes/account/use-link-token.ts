import { useRouter } from '@tanstack/react-router';
import { useEffect, useState } from 'react';

/**
 * The token of a mail's link. It stands in the fragment, which is sent to no server, and is taken out of the address at
 * once: neither the history of the browser nor a shared screen keeps it.
 */
export function useLinkToken(): string | null {
  const router = useRouter();
  const [token] = useState(() => new URLSearchParams(router.state.location.hash).get('token'));
  useEffect(() => {
    if (router.state.location.hash) router.history.replace(router.state.location.pathname);
  }, [router]);
  return token;
}
