import { screen, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';

import { begin } from '@/lib/session/session';
import { ADA, catalogueHandlers, FakeIdentity, problem } from '@/testing/platform';
import { ADMINISTRATORS_ONLY, FakeRecords, letter } from '@/testing/records';
import { expectAccessible, renderApp } from '@/testing/render-app';
import { server } from '@/testing/server';

function open(address: string, records: FakeRecords, roles = ['user', 'admin']) {
  const identity = new FakeIdentity();
  server.use(...records.handlers(identity), ...catalogueHandlers(identity, []));
  begin(identity.session({ ...ADA, roles }));
  return renderApp(address);
}

describe('dead letters', () => {
  it('say what failed and why, and are narrowed by state and source', async () => {
    const records = new FakeRecords({
      letters: [letter(), letter({ id: 'letter-2', source: 'webhooks', code: 'receiver_gone', state: 'discarded' })],
    });
    const { router, user } = open('/dead-letters', records);
    expect(await screen.findByRole('link', { name: 'Event unreadable' })).toHaveAttribute(
      'href',
      '/dead-letters/letter-1',
    );
    expect(screen.getByText('The outbox item holds no event of the platform.')).toBeVisible();
    expect(screen.getByText('Relay to Kafka · agent.executed · legal/nda-reviewer')).toBeVisible();
    expect(screen.getByText('3 tries')).toBeVisible();
    await expectAccessible();

    await user.click(screen.getByRole('radio', { name: 'Discarded' }));
    expect(await screen.findByRole('link', { name: 'Receiver gone' })).toBeVisible();
    expect(screen.queryByRole('link', { name: 'Event unreadable' })).not.toBeInTheDocument();
    expect(router.state.location.search).toEqual({ state: 'discarded' });
  });

  it('are redriven from the list, and leave it', async () => {
    const records = new FakeRecords({ letters: [letter()] });
    const { user } = open('/dead-letters', records);
    await user.click(await screen.findByRole('button', { name: /^Redrive Event unreadable/ }));
    expect(await screen.findByText('Nothing waits')).toBeVisible();
    expect(records.asked.filter(({ method }) => method === 'POST').map(({ path }) => path)).toEqual([
      '/dead-letters/letter-1/redrive',
    ]);
  });

  it('of a source are redriven together, after the question', async () => {
    const letters = [letter(), letter({ id: 'letter-2' }), letter({ id: 'letter-3', source: 'webhooks' })];
    const records = new FakeRecords({ letters });
    const { user } = open('/dead-letters?source=relay-kafka', records);
    await user.click(await screen.findByRole('button', { name: 'Redrive all of Relay to Kafka' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Redrive all of a source?' }));
    await user.click(dialog.getByRole('button', { name: 'Redrive all' }));
    expect(await screen.findByText('2 of 2 redriven.')).toBeVisible();
    const sent = records.asked.find(({ method }) => method === 'POST');
    expect(sent?.body).toEqual({ source: 'relay-kafka', ids: ['letter-1', 'letter-2'] });
    expect(records.letters.find(({ id }) => id === 'letter-3')?.state).toBe('open');
  });

  it('are for administrators', async () => {
    const records = new FakeRecords({ letters: [letter()] });
    records.refusal = ADMINISTRATORS_ONLY();
    open('/dead-letters', records, ['user']);
    expect(await screen.findByText('This page is for administrators')).toBeVisible();
    expect(screen.queryByRole('radio', { name: 'Open' })).not.toBeInTheDocument();
  });
});

describe('a dead letter', () => {
  it('shows its work and its event, and is redriven', async () => {
    const records = new FakeRecords({ letters: [letter()] });
    const { user } = open('/dead-letters/letter-1', records);
    expect(await screen.findByRole('heading', { name: 'Event unreadable' })).toBeVisible();
    expect(screen.getByRole('region', { name: 'What its work was' })).toHaveTextContent('"event_id": "event-1"');
    await expectAccessible();
    await user.click(screen.getByRole('button', { name: 'Redrive' }));
    expect(await screen.findByText('Redriven')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Discard' })).not.toBeInTheDocument();
  });

  it('that fails again says so, and stays', async () => {
    const records = new FakeRecords({ letters: [letter()] });
    records.redriven = { state: 'open', message: 'The brokers do not answer.', tries: 4 };
    const { user } = open('/dead-letters/letter-1', records);
    await user.click(await screen.findByRole('button', { name: 'Redrive' }));
    expect(await screen.findByText('It failed again')).toBeVisible();
    expect(screen.getAllByText('The brokers do not answer.')[0]).toBeVisible();
    expect(await screen.findByText('4 tries')).toBeVisible();
    expect(screen.getByRole('button', { name: 'Redrive' })).toBeEnabled();
  });

  it('is discarded with a reason alone', async () => {
    const records = new FakeRecords({ letters: [letter()] });
    const { user } = open('/dead-letters/letter-1', records);
    await user.click(await screen.findByRole('button', { name: 'Discard' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Discard this letter?' }));
    expect(dialog.getByRole('button', { name: 'Discard' })).toBeDisabled();
    await user.type(dialog.getByRole('textbox', { name: /^Why/ }), 'A test of ours.');
    await user.click(dialog.getByRole('button', { name: 'Discard' }));
    expect(await screen.findByText('Discarded because: A test of ours.')).toBeVisible();
  });

  it('that somebody else has closed meanwhile tells why nothing was done', async () => {
    const records = new FakeRecords({ letters: [letter()] });
    const { user } = open('/dead-letters/letter-1', records);
    const button = await screen.findByRole('button', { name: 'Redrive' });
    records.refusal = problem(409, 'conflict', 'The letter is closed already.');
    await user.click(button);
    expect(await screen.findByText('It was not done')).toBeVisible();
    expect(screen.getByText('The letter is closed already.')).toBeVisible();
  });
});
