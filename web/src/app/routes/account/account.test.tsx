import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';

import { currentUser } from '@/lib/session/session';
import { FakeAccount, TOKEN } from '@/testing/account';
import { ADA, catalogueHandlers, FakeIdentity, PASSWORD, problem } from '@/testing/platform';
import { expectAccessible, renderApp, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

const NEW = 'five other words make two';

function platform(account = new FakeAccount()) {
  const identity = new FakeIdentity();
  server.use(...account.handlers(identity), ...identity.handlers(), ...catalogueHandlers(identity, []));
  return { account, identity };
}

describe('the account', () => {
  it('shows who one is, and that the address is confirmed', async () => {
    const { identity } = platform();
    renderAppSignedIn('/account', identity);

    const you = within(await screen.findByRole('region', { name: 'You' }));
    expect(you.getByText(ADA.email)).toBeVisible();
    expect(you.getByText('Confirmed')).toBeVisible();
    expect(you.queryByRole('button', { name: 'Send the mail again' })).not.toBeInTheDocument();
    await expectAccessible();
  });

  it('sends the mail again that confirms the address', async () => {
    const { account, identity } = platform();
    account.user = { ...ADA, email_verified: false };
    const { user } = renderAppSignedIn('/account', identity);

    expect(await screen.findByText('Not confirmed')).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Send the mail again' }));
    expect(await screen.findByText('A mail is on its way.')).toBeVisible();
    expect(account.asked).toEqual([['verify-email/send', null]]);
    await expectAccessible();
  });

  it('changes the password, stays signed in here, and says a wrong one at its field', async () => {
    const { account, identity } = platform();
    const { user } = renderAppSignedIn('/account', identity);

    const current = await screen.findByLabelText('Current password');
    await user.type(current, 'not the password');
    await user.type(screen.getByLabelText('New password'), NEW);
    await user.click(screen.getByRole('button', { name: 'Change the password' }));
    expect(await screen.findByText('Is not your password')).toBeVisible();
    expect(current).toBeInvalid();

    await user.clear(current);
    await user.type(current, PASSWORD);
    await user.click(screen.getByRole('button', { name: 'Change the password' }));
    expect(await screen.findByText(/The password is changed/)).toBeVisible();
    expect(current).toHaveValue('');
    expect(account.asked.at(-1)).toEqual(['password', { current_password: PASSWORD, password: NEW }]);
    expect(window.localStorage.getItem('agents.refresh-token')).toBe('refresh-2');
    await expectAccessible();
  });

  it('signs out everywhere else after asking, and stays', async () => {
    const { account, identity } = platform();
    const { user, router } = renderAppSignedIn('/account', identity);

    await user.click(await screen.findByRole('button', { name: 'Sign out everywhere else' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Sign out everywhere else?' }));
    await expectAccessible();
    await user.click(dialog.getByRole('button', { name: 'Sign out everywhere else' }));

    expect(await screen.findByText('You are signed out everywhere else.')).toBeVisible();
    expect(account.asked).toEqual([['revoke-all', { start_anew: true }]]);
    expect(router.state.location.pathname).toBe('/account');
  });

  it('signs out everywhere, here as well', async () => {
    const { identity } = platform();
    const { user, router } = renderAppSignedIn('/account', identity);

    await user.click(await screen.findByRole('button', { name: 'Sign out everywhere' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Sign out everywhere?' }));
    await user.click(dialog.getByRole('button', { name: 'Sign out everywhere' }));

    expect(await screen.findByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
    expect(router.state.location.pathname).toBe('/login');
    expect(window.localStorage.getItem('agents.refresh-token')).toBeNull();
  });

  it('is in the menu behind the initials', async () => {
    const { identity } = platform();
    const { user, router } = renderAppSignedIn('/', identity);

    await user.click(await screen.findByRole('button', { name: /Account of Ada/ }));
    await user.click(await screen.findByRole('menuitem', { name: 'Account' }));
    await waitFor(() => expect(router.state.location.pathname).toBe('/account'));
  });
});

describe('too many sign-ins', () => {
  it('say when to try again, and what helps at once', async () => {
    platform();
    const refused = async () => {
      const body = (await problem(429, 'too_many_attempts', 'Tried too often: wait 30 s.').json()) as object;
      return HttpResponse.json(body, { status: 429, headers: { 'retry-after': '30' } });
    };
    server.use(http.post('*/auth/login', refused));
    const { user } = renderApp('/login');

    await user.type(await screen.findByLabelText('E-mail'), ADA.email);
    await user.type(screen.getByLabelText('Password'), `${PASSWORD}{Enter}`);

    expect(await screen.findByRole('alert')).toHaveTextContent(/Try again at \d\d:\d\d:\d\d\..*new one by mail/);
    await expectAccessible();
    await user.click(screen.getByRole('link', { name: 'Forgot the password?' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Forgotten password' })).toBeVisible();
  });
});

describe('a forgotten password', () => {
  it('is answered in the same words whether or not there is an account', async () => {
    const { account } = platform();
    const { user } = renderApp('/forgot-password');

    await user.type(await screen.findByLabelText('E-mail'), 'nobody@example.com');
    await expectAccessible();
    await user.click(screen.getByRole('button', { name: 'Send the mail' }));

    expect(await screen.findByRole('status')).toHaveTextContent('If there is an account with this address');
    expect(account.asked).toEqual([['forgot-password', { email: 'nobody@example.com' }]]);
    await expectAccessible();
  });

  it('is replaced by the token of the link, which leaves the address bar at once', async () => {
    const { account } = platform();
    const { user, router } = renderApp(`/reset-password#token=${TOKEN}`);

    const password = await screen.findByLabelText('New password');
    await waitFor(() => expect(router.state.location.href).toBe('/reset-password'));
    await user.type(password, 'too short{Enter}');
    expect(await screen.findByText('Shorter than 15 characters')).toBeVisible();
    await expectAccessible();

    await user.clear(password);
    await user.type(password, `${NEW}{Enter}`);
    expect(await screen.findByRole('status')).toHaveTextContent('signed out everywhere');
    expect(account.asked.at(-1)).toEqual(['reset-password', { token: TOKEN, password: NEW }]);
    await expectAccessible();
  });

  it('says that a link was used, and leads to another', async () => {
    platform();
    const { user } = renderApp('/reset-password#token=another');

    await user.type(await screen.findByLabelText('New password'), `${NEW}{Enter}`);
    expect(await screen.findByRole('alert')).toHaveTextContent('The link is not valid');
    expect(screen.getByRole('link', { name: 'Ask for another mail' })).toBeVisible();
  });

  it('says that a link is incomplete', async () => {
    platform();
    renderApp('/reset-password');
    expect(await screen.findByText(/The link is incomplete/)).toBeVisible();
    await expectAccessible();
  });
});

describe('confirming an address', () => {
  it('takes a click, and works for whoever is not signed in', async () => {
    const { account } = platform();
    const { user, router } = renderApp(`/verify-email#token=${TOKEN}`);

    const confirm = await screen.findByRole('button', { name: 'Confirm the address' });
    expect(account.asked).toEqual([]);
    await expectAccessible();
    await user.click(confirm);
    expect(await screen.findByRole('status')).toHaveTextContent('The address is confirmed');
    expect(account.asked).toEqual([['verify-email', { token: TOKEN }]]);
    expect(router.state.location.href).toBe('/verify-email');
  });

  it('renews the session of whoever is signed in, whose token then names the address', async () => {
    const { identity } = platform();
    const { user } = renderAppSignedIn(`/verify-email#token=${TOKEN}`, identity);

    await user.click(await screen.findByRole('button', { name: 'Confirm the address' }));
    expect(await screen.findByRole('status')).toBeVisible();
    expect(identity.refreshed).toEqual(['refresh-1']);
    expect(currentUser()?.email).toBe(ADA.email);
  });

  it('says that a link was used', async () => {
    platform();
    const { user } = renderApp('/verify-email#token=another');

    await user.click(await screen.findByRole('button', { name: 'Confirm the address' }));
    expect(await screen.findByRole('alert')).toHaveTextContent('The link is not valid');
    await expectAccessible();
  });
});
