import { screen, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';

import { begin } from '@/lib/session/session';
import { delivery, FakeWebhooks, SECRET, webhook } from '@/testing/insight';
import { ADA, catalogueHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderApp, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

function open(address: string, room = new FakeWebhooks(), roles = ['user']) {
  const identity = new FakeIdentity();
  server.use(...room.handlers(identity), ...catalogueHandlers(identity, []));
  if (!roles.includes('admin')) return { room, ...renderAppSignedIn(address, identity) };
  begin(identity.session({ ...ADA, roles }));
  return { room, ...renderApp(address) };
}

describe('webhooks', () => {
  it('are introduced, made, and show their secret once', async () => {
    const { room, user } = open('/webhooks');
    expect(await screen.findByText('No webhooks yet')).toBeVisible();
    await expectAccessible();

    await user.click(screen.getAllByRole('button', { name: 'New webhook' })[0] ?? document.body);
    const dialog = within(await screen.findByRole('dialog', { name: 'New webhook' }));
    expect(dialog.queryByRole('switch', { name: /Events of everybody/ })).toBeNull();
    await user.type(dialog.getByRole('textbox', { name: /^Address/ }), 'https://hooks.example.com/agents');
    await user.click(dialog.getByRole('checkbox', { name: 'An agent was executed' }));
    await user.click(dialog.getByRole('button', { name: 'Create' }));

    expect(await screen.findByText(SECRET)).toBeVisible();
    expect(room.asked[0]?.body).toMatchObject({
      url: 'https://hooks.example.com/agents',
      events: ['workflow.failed', 'agent.executed'],
      match: {},
      platform_wide: false,
    });
    await user.click(screen.getByRole('button', { name: 'I have kept it' }));
    expect(await screen.findByRole('link', { name: 'https://hooks.example.com/agents' })).toBeVisible();
    expect(screen.queryByText(SECRET)).toBeNull();
  });

  it('tell at the field why an address is refused', async () => {
    const { room, user } = open('/webhooks');
    room.refusal = problem(422, 'invalid_input', 'The webhook cannot be made.', {
      errors: [{ field: 'url', message: 'leads to a private address' }],
    });
    await screen.findByText('No webhooks yet');
    await user.click(screen.getAllByRole('button', { name: 'New webhook' })[0] ?? document.body);
    await user.type(await screen.findByRole('textbox', { name: /^Address/ }), 'https://10.0.0.1/');
    await user.click(screen.getByRole('button', { name: 'Create' }));
    expect(await screen.findByText('leads to a private address')).toBeVisible();
  });

  it('of everybody are for administrators', async () => {
    const room = new FakeWebhooks([webhook({ platform_wide: true, description: 'All failures' })]);
    const { user } = open('/webhooks', room, ['user', 'admin']);
    expect(await screen.findByText('No webhooks yet')).toBeVisible();
    await user.click(screen.getByRole('radio', { name: 'Events of everybody' }));
    expect(await screen.findByRole('link', { name: 'All failures' })).toBeVisible();
  });
});

describe('a webhook', () => {
  it('shows its deliveries with what was answered, and sends one again', async () => {
    const { room, user } = open('/webhooks/hook-1', new FakeWebhooks([webhook()], [delivery()]));
    expect(await screen.findByText('Given up')).toBeVisible();
    expect(screen.getByText(/1 attempt, last: The receiver answered 500\./)).toBeVisible();
    await expectAccessible();
    await user.click(screen.getByRole('button', { name: /^Send workflow\.failed of .* again$/ }));
    expect(await screen.findByText('Delivered')).toBeVisible();
    expect(room.asked[0]?.path).toBe('/webhooks/hook-1/deliveries/event-1/redeliver');
  });

  it('is tried by a ping, disabled, given a new secret and deleted', async () => {
    const { room, router, user } = open('/webhooks/hook-1', new FakeWebhooks([webhook()]));
    await user.click(await screen.findByRole('button', { name: 'Send a ping' }));
    expect(await screen.findByText('webhook.ping')).toBeVisible();

    await user.click(screen.getByRole('button', { name: 'Disable' }));
    expect(await screen.findByRole('button', { name: 'Enable' })).toBeVisible();
    expect(screen.getByRole('button', { name: 'Send a ping' })).toBeDisabled();

    await user.click(screen.getByRole('button', { name: 'New secret' }));
    await user.click(await screen.findByRole('button', { name: 'Make it' }));
    expect(await screen.findByText(`${SECRET}2`)).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'I have kept it' }));

    await user.click(screen.getByRole('button', { name: 'Delete' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Delete this webhook?' }));
    await user.click(dialog.getByRole('button', { name: 'Delete' }));
    expect(await screen.findByText('No webhooks yet')).toBeVisible();
    expect(router.state.location.pathname).toBe('/webhooks');
    expect(room.asked.map(({ method }) => method)).toEqual(['POST', 'PATCH', 'POST', 'DELETE']);
  });

  it('that the platform disabled says why', async () => {
    const disabled = { code: 'webhook_gone', message: 'The receiver answered 410.' } as const;
    open('/webhooks/hook-1', new FakeWebhooks([webhook({ enabled: false, disabled })]));
    expect(await screen.findByText(/The receiver answered 410\. Mend the receiver/)).toBeVisible();
  });

  it('of somebody else is not found', async () => {
    open('/webhooks/hook-9');
    expect(await screen.findByText('There is no such webhook of yours.')).toBeVisible();
  });
});
