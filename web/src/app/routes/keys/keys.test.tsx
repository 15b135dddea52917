import { screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';

import { apiKey, FakeKeys, KEY } from '@/testing/keys';
import { catalogueHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

function open(keys = new FakeKeys()) {
  const identity = new FakeIdentity();
  server.use(...keys.handlers(identity), ...catalogueHandlers(identity, []));
  return { keys, ...renderAppSignedIn('/keys', identity) };
}

async function begin(user: ReturnType<typeof open>['user']) {
  await screen.findByText('No API keys yet');
  await user.click(screen.getAllByRole('button', { name: 'New API key' })[0] ?? document.body);
  return within(await screen.findByRole('dialog', { name: 'New API key' }));
}

describe('API keys', () => {
  it('are introduced, made for what was chosen, and shown once', async () => {
    const { keys, user } = open();
    const dialog = await begin(user);
    await expectAccessible();
    expect(dialog.getByRole('button', { name: 'Create' })).toBeDisabled();

    await user.type(dialog.getByRole('textbox', { name: /^What it is for/ }), 'Month end');
    await user.click(dialog.getByRole('checkbox', { name: 'Execute agents' }));
    await user.click(dialog.getByRole('checkbox', { name: 'Start, stop and retry runs' }));
    await user.type(dialog.getByRole('combobox', { name: /^Agents/ }), 'legal/nda-reviewer{Enter}');
    await user.type(dialog.getByRole('textbox', { name: /^Budget/ }), '12.5');
    await user.click(dialog.getByRole('button', { name: 'Create' }));

    expect(await screen.findByText(KEY)).toBeVisible();
    expect(screen.getByRole('button', { name: 'Copy the key' })).toBeVisible();
    await expectAccessible();
    expect(keys.asked).toEqual([
      {
        method: 'POST',
        path: '/keys',
        body: {
          name: 'Month end',
          scopes: ['executions:read', 'workflows:run'],
          agents: ['legal/nda-reviewer'],
          expires_in_days: 90,
          budget_usd: 12.5,
        },
      },
    ]);
    await user.click(screen.getByRole('button', { name: 'I have kept it' }));
    expect(await screen.findByText('Month end')).toBeVisible();
    await waitFor(() => expect(screen.queryByText(KEY)).toBeNull());
  });

  it('without anything to do cannot be made', async () => {
    const { user } = open();
    const dialog = await begin(user);
    await user.type(dialog.getByRole('textbox', { name: /^What it is for/ }), 'Nothing');
    for (const name of ['Execute agents', 'Read executions and their results']) {
      await user.click(dialog.getByRole('checkbox', { name }));
    }
    expect(dialog.getByRole('button', { name: 'Create' })).toBeDisabled();
    expect(dialog.getByText('Choose what it may do.')).toBeVisible();
  });

  it('tell at the field what does not exist', async () => {
    const { keys, user } = open();
    keys.refusal = problem(422, 'invalid_input', 'The key would be for what does not exist.', {
      errors: [{ field: 'agents.0', message: 'is not an agent of the catalogue' }],
    });
    const dialog = await begin(user);
    await user.type(dialog.getByRole('textbox', { name: /^What it is for/ }), 'Month end');
    await user.type(dialog.getByRole('combobox', { name: /^Agents/ }), 'legal/none{Enter}');
    await user.click(dialog.getByRole('button', { name: 'Create' }));
    expect(await dialog.findByText('legal/none is not an agent of the catalogue')).toBeVisible();
  });

  it('show what they may do, when they were used and when they end', async () => {
    open(
      new FakeKeys([
        apiKey({ last_used_at: new Date().toISOString(), agents: ['legal/*'] }),
        apiKey({
          id: 'key-2',
          name: 'Prometheus',
          scopes: ['metrics:read'],
          status: 'expired',
          budget: { period: '2026-03', ceiling_usd: 20, spent_usd: 1.5 },
        }),
      ]),
    );
    const [first, second] = await screen.findAllByRole('listitem');
    expect(first).toHaveTextContent('agents:execute, executions:read · only legal/*');
    expect(first).toHaveTextContent('$0.00 this month');
    expect(second).toHaveTextContent(/Prometheus Expired/);
    expect(second).toHaveTextContent('Never used');
    expect(second).toHaveTextContent('Ended 2 Jun 2026');
    expect(second).toHaveTextContent('$1.50 of $20.00');
    await expectAccessible();
  });

  it('get a new secret, which is shown once, and say how long the old one is good for', async () => {
    const { keys, user } = open(new FakeKeys([apiKey()]));
    await user.click(await screen.findByRole('button', { name: 'Rotate Nightly invoices' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Rotate Nightly invoices?' }));
    await user.click(dialog.getByRole('combobox', { name: 'The old secret ends' }));
    await user.click(await screen.findByRole('option', { name: 'At once', hidden: true }));
    await user.click(dialog.getByRole('button', { name: 'Make a new secret' }));
    expect(await screen.findByText(`${KEY}2`)).toBeVisible();
    expect(keys.asked[0]).toEqual({
      method: 'POST',
      path: '/keys/key-1/rotate',
      body: { grace_hours: 0, expires_in_days: null },
    });
    await user.click(screen.getByRole('button', { name: 'I have kept it' }));
    await waitFor(() => expect(screen.queryByText(`${KEY}2`)).toBeNull());
  });

  it('are revoked after a question', async () => {
    const { keys, user } = open(new FakeKeys([apiKey()]));
    await user.click(await screen.findByRole('button', { name: 'Revoke Nightly invoices' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Revoke Nightly invoices?' }));
    expect(keys.asked).toEqual([]);
    await user.click(dialog.getByRole('button', { name: 'Revoke' }));
    expect(await screen.findByText('No API keys yet')).toBeVisible();
    expect(keys.asked).toEqual([{ method: 'DELETE', path: '/keys/key-1', body: null }]);
  });

  it('are found in the menu of the account', async () => {
    const { user, router } = open(new FakeKeys([apiKey()]));
    await screen.findByText('Nightly invoices');
    await user.click(screen.getByRole('button', { name: /Account of/ }));
    await user.click(await screen.findByRole('menuitem', { name: 'API keys' }));
    expect(router.state.location.pathname).toBe('/keys');
  });
});
