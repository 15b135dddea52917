import '@fontsource-variable/inter/wght.css';
import '@fontsource-variable/jetbrains-mono/wght.css';
import '@fontsource-variable/source-serif-4/opsz.css';
import '@mantine/core/styles.layer.css';
import '@/app/global.css';

import { MantineProvider } from '@mantine/core';
import { type QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { useEffect } from 'react';

import type { AppRouter } from '@/app/router';
import { cssVariables, theme } from '@/app/theme';
import { currentUser, subscribe } from '@/lib/session/session';

interface AppProps {
  router: AppRouter;
  queryClient: QueryClient;
  /** `test` shows and hides at once what otherwise comes and goes slowly. */
  env?: 'default' | 'test';
}

export function App({ router, queryClient, env = 'default' }: AppProps) {
  // Signed out here, in another tab or by the server: the guards of the routes decide anew. Somebody else, who signed
  // in in another tab or came by an invitation, finds nothing of the one before.
  useEffect(() => {
    let before = currentUser()?.id;
    return subscribe(() => {
      const now = currentUser()?.id;
      if (before && now && before !== now) queryClient.clear();
      before = now ?? before;
      void router.invalidate();
    });
  }, [queryClient, router]);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto" env={env}>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
