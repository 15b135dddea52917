import { createMemoryHistory } from '@tanstack/react-router';
import { render } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import axe from 'axe-core';
import { expect } from 'vitest';

import { App } from '@/app/app';
import { newQueryClient } from '@/app/query-client';
import { newRouter } from '@/app/router';
import { begin } from '@/lib/session/session';
import type { FakeIdentity } from '@/testing/platform';

/** The whole application at an address, as after typing it into the browser. */
export function renderApp(address: string) {
  const router = newRouter(createMemoryHistory({ initialEntries: [address] }));
  const queryClient = newQueryClient();
  queryClient.setDefaultOptions({ queries: { ...queryClient.getDefaultOptions().queries, retryDelay: 1 } });
  render(<App router={router} queryClient={queryClient} env="test" />);
  return { router, queryClient, user: userEvent.setup() };
}

/** The application at an address, with Ada signed in. */
export function renderAppSignedIn(address: string, identity: FakeIdentity) {
  begin(identity.session());
  return renderApp(address);
}

/** Labels, roles and structure as axe checks them; contrast needs a real browser. */
export async function expectAccessible(): Promise<void> {
  const { violations } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } });
  expect(violations.map(({ id, nodes }) => [id, ...nodes.map((node) => node.html)])).toEqual([]);
}
