import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it, vi } from 'vitest';

import { agentInfo } from '@/testing/definitions';
import { ADA, catalogueHandlers, FakeIdentity, PASSWORD, problem } from '@/testing/platform';
import { expectAccessible, renderApp, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

const AGENT = agentInfo('finance-accounting/three-way-match-checker');

function platform(): FakeIdentity {
  const identity = new FakeIdentity();
  server.use(...identity.handlers(), ...catalogueHandlers(identity, [AGENT]));
  return identity;
}

describe('signing in', () => {
  it('leads a visitor to the page that was asked for', async () => {
    platform();
    const { router, user } = renderApp(`/agents/${AGENT.id}`);

    await user.type(await screen.findByLabelText('E-mail'), ADA.email);
    await user.type(screen.getByLabelText('Password'), PASSWORD);
    await expectAccessible();
    await user.click(screen.getByRole('button', { name: 'Sign in' }));

    expect(await screen.findByRole('heading', { level: 1, name: AGENT.name })).toBeVisible();
    expect(router.state.location.pathname).toBe(`/agents/${AGENT.id}`);
  });

  it('never leads to another site', async () => {
    const identity = platform();
    const { router } = renderAppSignedIn('/login?redirect=//evil.example/', identity);

    expect(await screen.findByRole('heading', { level: 1, name: /find the agent/i })).toBeVisible();
    expect(router.state.location.href).toBe('/');
  });

  it('explains a wrong password above the form', async () => {
    platform();
    const { user } = renderApp('/login');

    await user.type(await screen.findByLabelText('E-mail'), ADA.email);
    await user.type(screen.getByLabelText('Password'), 'not the password{Enter}');

    expect(await screen.findByRole('alert')).toHaveTextContent('E-mail address or password is wrong.');
  });

  it('says so when the platform cannot be reached', async () => {
    platform();
    server.use(http.post('*/auth/login', () => Response.error()));
    const { user } = renderApp('/login');

    await user.type(await screen.findByLabelText('E-mail'), ADA.email);
    await user.type(screen.getByLabelText('Password'), `${PASSWORD}{Enter}`);

    expect(await screen.findByRole('alert')).toHaveTextContent('No answer arrived.');
  });
});

describe('creating an account', () => {
  it('states the rule for passwords, and explains a refusal at the field', async () => {
    platform();
    const { user } = renderApp('/register');

    await user.type(await screen.findByLabelText('Name'), 'Grace Hopper');
    await user.type(screen.getByLabelText('E-mail'), 'grace@example.com');
    const password = screen.getByLabelText('Password');
    expect(password).toHaveAccessibleDescription(/at least 15 characters/i);
    await user.type(password, 'too short{Enter}');

    expect(await screen.findByText('Shorter than 15 characters')).toBeVisible();
    expect(password).toBeInvalid();
    await expectAccessible();

    await user.type(password, ' no longer now{Enter}');
    expect(await screen.findByRole('button', { name: /Account of Grace Hopper/ })).toBeVisible();
  });

  it('says that an address is taken', async () => {
    platform();
    const { user } = renderApp('/register');

    await user.type(await screen.findByLabelText('Name'), 'Ada');
    await user.type(screen.getByLabelText('E-mail'), ADA.email);
    await user.type(screen.getByLabelText('Password'), `${PASSWORD}{Enter}`);

    expect(await screen.findByRole('alert')).toHaveTextContent('This address has an account already: sign in.');
  });
});

describe('a session', () => {
  it('is taken up again after a reload, from the refresh token alone', async () => {
    const identity = platform();
    window.localStorage.setItem('agents.refresh-token', identity.session().refresh_token);
    renderApp('/');

    expect(await screen.findByRole('link', { name: AGENT.name })).toBeVisible();
    expect(identity.refreshed).toEqual(['refresh-1']);
    expect(window.localStorage.getItem('agents.refresh-token')).toBe('refresh-2');
  });

  it('keeps the access token out of storage', async () => {
    const identity = platform();
    renderAppSignedIn('/', identity);

    await screen.findByRole('link', { name: AGENT.name });
    expect(JSON.stringify([window.localStorage, window.sessionStorage])).not.toContain('access-1');
  });

  it('is renewed once, however many requests find it expired, and they are repeated', async () => {
    const identity = platform();
    const { router } = renderAppSignedIn('/', identity);
    identity.expireAccessTokens();

    expect(await screen.findByRole('link', { name: AGENT.name })).toBeVisible();
    expect(identity.refreshed).toEqual(['refresh-1']);
    expect(router.state.location.pathname).toBe('/');
  });

  it('that cannot be renewed ends, and signing in leads back', async () => {
    const identity = platform();
    const { router, user } = renderAppSignedIn(`/agents/${AGENT.id}`, identity);
    await screen.findByRole('heading', { level: 1, name: AGENT.name });
    identity.revokeEverything();
    await user.click(within(screen.getByRole('navigation', { name: 'Main' })).getByRole('link', { name: 'Agents' }));

    expect(await screen.findByRole('button', { name: 'Sign in' })).toBeVisible();
    expect(router.state.location.pathname).toBe('/login');
    expect(window.localStorage.getItem('agents.refresh-token')).toBeNull();
  });

  it.each([
    [503, 'an outage'],
    [403, 'a firewall that is closed for some minutes'],
  ])('survives %i, %s, while it is being renewed', async (status) => {
    const identity = platform();
    window.localStorage.setItem('agents.refresh-token', identity.session().refresh_token);
    server.use(http.post('*/auth/refresh', () => problem(status, 'refused', 'Try again in a moment.'), { once: true }));
    const { user } = renderApp('/');

    expect(await screen.findByRole('alert')).toHaveTextContent('Try again in a moment.');
    // React and the router report what their error boundaries catch.
    vi.mocked(console.error).mockClear();
    vi.mocked(console.warn).mockClear();
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('link', { name: AGENT.name })).toBeVisible();
  });

  it('ends on the server as well as here when signing out', async () => {
    const identity = platform();
    const { user } = renderAppSignedIn('/', identity);

    await user.click(await screen.findByRole('button', { name: /Account of Ada Lovelace/ }));
    await user.click(await screen.findByRole('menuitem', { name: 'Sign out' }));

    expect(await screen.findByRole('button', { name: 'Sign in' })).toBeVisible();
    expect(identity.loggedOut).toEqual(['refresh-1']);
    expect(window.localStorage.getItem('agents.refresh-token')).toBeNull();
  });

  it('asks for nothing more once it has ended, and keeps nothing that was loaded', async () => {
    const identity = platform();
    const refused: string[] = [];
    server.events.on('response:mocked', ({ request, response }) => {
      if (response.status === 401) refused.push(request.url);
    });
    const { user, queryClient } = renderAppSignedIn('/', identity);

    await user.click(await screen.findByRole('button', { name: /Account of Ada Lovelace/ }));
    await user.click(await screen.findByRole('menuitem', { name: 'Sign out' }));

    expect(await screen.findByRole('button', { name: 'Sign in' })).toBeVisible();
    await waitFor(() => expect(queryClient.getQueryCache().getAll()).toEqual([]));
    expect(refused).toEqual([]);
  });

  it('shows nothing of the one before to somebody else who signed in in another tab', async () => {
    const identity = platform();
    const { user, queryClient } = renderAppSignedIn('/', identity);
    await screen.findByRole('link', { name: AGENT.name });
    queryClient.setQueryData(['of-ada'], 'hers');
    server.use(
      http.post('*/auth/refresh', () => HttpResponse.json(identity.session({ ...ADA, id: 'user-2', name: 'Grace' }))),
    );
    identity.expireAccessTokens();
    await user.click(screen.getByRole('link', { name: AGENT.name }));

    expect(await screen.findByRole('button', { name: /Account of Grace/ })).toBeVisible();
    expect(queryClient.getQueryData(['of-ada'])).toBeUndefined();
  });

  it('ends here when another tab signs out', async () => {
    const identity = platform();
    renderAppSignedIn('/', identity);
    await screen.findByRole('link', { name: AGENT.name });

    window.localStorage.removeItem('agents.refresh-token');
    window.dispatchEvent(new StorageEvent('storage', { key: 'agents.refresh-token', newValue: null }));

    await waitFor(() => expect(screen.getByRole('button', { name: 'Sign in' })).toBeVisible());
  });
});
