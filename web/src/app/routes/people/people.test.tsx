import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';

import { begin } from '@/lib/session/session';
import { FakeAccount } from '@/testing/account';
import { dataRequest, FakePeople, person } from '@/testing/people';
import { ADA, catalogueHandlers, FakeIdentity, PASSWORD, problem } from '@/testing/platform';
import { expectAccessible, renderApp, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

function open(people = new FakePeople(), roles = ['admin']) {
  const identity = new FakeIdentity();
  server.use(...people.handlers(identity), ...identity.handlers(), ...catalogueHandlers(identity, []));
  begin(identity.session({ ...ADA, roles }));
  return { people, ...renderApp('/people') };
}

describe('people', () => {
  it('are listed with roles and status, and found by words', async () => {
    const { user } = open(
      new FakePeople([
        person(),
        person({ id: 'person-2', name: 'Alan Turing', email: 'alan@example.com', status: 'disabled' }),
      ]),
    );
    expect(await screen.findByText('Grace Hopper')).toBeVisible();
    expect(screen.getAllByRole('listitem')[1]).toHaveTextContent(/Alan Turing.*Disabled/);
    await expectAccessible();
    await user.type(screen.getByRole('searchbox', { name: 'Search people' }), 'alan');
    await waitFor(() => expect(screen.queryByText('Grace Hopper')).toBeNull());
    expect(await screen.findByText('Alan Turing')).toBeVisible();
  });

  it('are for administrators', async () => {
    open(new FakePeople(), ['user']);
    expect(await screen.findByText('This page is for administrators')).toBeVisible();
  });

  it('are invited with their roles', async () => {
    const { people, user } = open();
    await user.click(await screen.findByRole('button', { name: 'Invite' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Invite somebody' }));
    await user.type(dialog.getByLabelText('E-mail'), 'new@example.com');
    await user.type(dialog.getByLabelText('Name'), 'New Person');
    await expectAccessible();
    await user.click(dialog.getByRole('button', { name: 'Send the invitation' }));
    expect(await screen.findByText('New Person')).toBeVisible();
    expect(people.asked).toEqual([
      {
        method: 'POST',
        path: '/users/invitations',
        body: { email: 'new@example.com', name: 'New Person', roles: ['user'] },
      },
    ]);
    await user.click(screen.getByRole('button', { name: 'Withdraw the invitation of New Person' }));
    await waitFor(() => expect(screen.queryByText('New Person')).toBeNull());
  });

  it('are deleted only after their address was typed', async () => {
    const { people, user } = open();
    await user.click(await screen.findByRole('button', { name: 'Manage Grace Hopper' }));
    const drawer = within(await screen.findByRole('dialog', { name: 'Grace Hopper' }));
    await expectAccessible();
    const button = drawer.getByRole('button', { name: 'Delete for good' });
    expect(button).toBeDisabled();
    await user.type(drawer.getByLabelText(/type the address/), 'grace@example.com');
    await user.click(button);
    expect(await drawer.findByText('In progress')).toBeVisible();
    expect(people.asked).toEqual([{ method: 'DELETE', path: '/users/person-1', body: null }]);
  });

  it('keep a last administrator, and say why', async () => {
    const { people, user } = open();
    people.refusal = problem(409, 'last_administrator', 'This is the last administrator who can sign in.');
    await user.click(await screen.findByRole('button', { name: 'Manage Grace Hopper' }));
    const drawer = within(await screen.findByRole('dialog', { name: 'Grace Hopper' }));
    await user.click(drawer.getByRole('button', { name: 'Disable' }));
    const question = within(await screen.findByRole('dialog', { name: 'Disable Grace Hopper?' }));
    await user.click(question.getByRole('button', { name: 'Disable' }));
    expect(await question.findByText(/last administrator/)).toBeVisible();
  });
});

describe('an invitation', () => {
  it('is accepted with a name and a password, and signs in', async () => {
    const identity = new FakeIdentity();
    const asked: unknown[] = [];
    server.use(
      ...identity.handlers(),
      ...catalogueHandlers(identity, []),
      http.post('*/auth/accept-invitation', async ({ request }) => {
        asked.push(await request.json());
        return HttpResponse.json(identity.session(), { status: 201 });
      }),
    );
    const { user, router } = renderApp('/accept-invitation#token=once');
    await user.type(await screen.findByLabelText('Name'), 'New Name');
    await user.type(screen.getByLabelText('Password'), PASSWORD);
    await expectAccessible();
    expect(router.state.location.hash).toBe('');
    await user.click(screen.getByRole('button', { name: 'Create account' }));
    await waitFor(() => expect(router.state.location.pathname).toBe('/'));
    expect(asked).toEqual([{ token: 'once', name: 'New Name', password: PASSWORD }]);
  });
});

describe('my data', () => {
  it('is exported, and offered as a file', async () => {
    const identity = new FakeIdentity();
    const account = new FakeAccount();
    server.use(...account.handlers(identity), ...identity.handlers(), ...catalogueHandlers(identity, []));
    const { user } = renderAppSignedIn('/account', identity);
    await user.click(await screen.findByRole('button', { name: 'Export everything' }));
    expect(await screen.findByRole('link', { name: 'Download' })).toHaveAttribute(
      'href',
      'https://files.example/my-data.zip',
    );
    await expectAccessible();
  });

  it.each([
    ['is not exported twice at once', 5, false],
    ['is exported anew where an export broke off', 300, true],
  ])('%s', async (_, seconds, isOffered) => {
    const identity = new FakeIdentity();
    const updated_at = new Date(Date.now() - seconds * 1000).toISOString();
    server.use(
      http.get('*/api/v1/me/export', () =>
        HttpResponse.json({ items: [dataRequest({ state: 'running', updated_at })] }),
      ),
      ...new FakeAccount().handlers(identity),
      ...identity.handlers(),
      ...catalogueHandlers(identity, []),
    );
    renderAppSignedIn('/account', identity);
    await screen.findByText('In progress');
    const button = screen.getByRole('button', { name: 'Export everything' });
    if (isOffered) expect(button).toBeEnabled();
    else expect(button).toBeDisabled();
  });

  it('is deleted with the password alone', async () => {
    const identity = new FakeIdentity();
    const account = new FakeAccount();
    server.use(...account.handlers(identity), ...identity.handlers(), ...catalogueHandlers(identity, []));
    const { user, router } = renderAppSignedIn('/account', identity);
    await user.click(await screen.findByRole('button', { name: 'Delete my account' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Delete your account?' }));
    await user.type(dialog.getByLabelText('Your password'), 'something else entirely');
    await user.click(dialog.getByRole('button', { name: 'Delete for good' }));
    expect(await dialog.findByText('Is not your password')).toBeVisible();
    await user.clear(dialog.getByLabelText('Your password'));
    await user.type(dialog.getByLabelText('Your password'), PASSWORD);
    await user.click(dialog.getByRole('button', { name: 'Delete for good' }));
    await waitFor(() => expect(router.state.location.pathname).toBe('/login'));
  });
});
