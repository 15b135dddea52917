import { screen, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';

import { agentInfo } from '@/testing/definitions';
import {
  catalogueHandlers,
  type Execution,
  execution,
  executionHandlers,
  FakeIdentity,
  NOT_OVER,
} from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

const MATCHER = agentInfo('finance-accounting/three-way-match-checker');

function platform(records: Execution[] = []) {
  const identity = new FakeIdentity();
  server.use(...catalogueHandlers(identity, [MATCHER]), ...executionHandlers(identity, [MATCHER], [], records));
  return identity;
}

describe('the executions', () => {
  it('are introduced while there are none', async () => {
    renderAppSignedIn('/executions', platform());
    expect(await screen.findByText('Nothing has been run yet')).toBeVisible();
    expect(screen.getByRole('link', { name: 'Find an agent' })).toHaveAttribute('href', '/');
  });

  it('hold a run with its input, answer and cost', async () => {
    const { user } = renderAppSignedIn(`/agents/${MATCHER.id}`, platform());
    await user.click(await screen.findByRole('button', { name: 'Run' }));
    await screen.findByText('Pay part');

    await user.click(screen.getByRole('link', { name: 'Executions' }));
    const row = within((await screen.findAllByRole('row'))[1] as HTMLElement);
    expect(row.getByText('Succeeded')).toBeVisible();
    expect(row.getByText('Offline model')).toBeVisible();
    expect(row.getByText('$0.0117')).toBeVisible();
    expect(screen.getByRole('main')).toHaveFocus();
    await expectAccessible();

    await user.click(row.getByRole('link', { name: MATCHER.name }));
    expect(await screen.findByRole('heading', { level: 1, name: MATCHER.name })).toBeVisible();
    expect(within(screen.getByRole('region', { name: 'Output' })).getByText('Pay part')).toBeVisible();
    const input = within(screen.getByRole('region', { name: 'Input' }));
    expect(input.getByText('INV-2291')).toBeVisible();
    expect(input.getByText('4 Mar 2026')).toBeVisible();
    await expectAccessible();
  });

  it('show a failed run with its reason', async () => {
    const identity = platform();
    const failed = execution(MATCHER, {
      status: 'failed',
      output: null,
      error: { code: 'model_timed_out', message: 'The model did not answer within 120 s.' },
    });
    server.use(http.get('*/api/v1/executions/:id', () => HttpResponse.json(failed)));
    renderAppSignedIn('/executions/x', identity);

    expect(await screen.findByRole('alert')).toHaveTextContent('The model did not answer within 120 s.');
    expect(screen.getByText('Failed')).toBeVisible();
  });

  it('stay readable when their agent has left the catalogue', async () => {
    const identity = platform();
    const orphan = execution(MATCHER, { agent_id: 'finance-accounting/long-gone' });
    server.use(http.get('*/api/v1/executions/:id', () => HttpResponse.json(orphan)));
    renderAppSignedIn('/executions/x', identity);

    expect(await screen.findByRole('heading', { level: 1, name: 'Long gone' })).toBeVisible();
    expect(screen.getByText('pay_part')).toBeVisible();
    expect(screen.queryByRole('link', { name: 'Open the agent' })).not.toBeInTheDocument();
  });

  it('are narrowed by status, kept in the address, and running ones are looked at again', async () => {
    const records = [
      execution(MATCHER, { id: 'r-1', ...NOT_OVER, status: 'running' }),
      execution(MATCHER, { id: 'r-2', cached: true }),
      execution(MATCHER, { id: 'r-3', escalation: { rule: 'Amounts above 10,000', reason: 'It is 12,480.' } }),
    ];
    const { router, user } = renderAppSignedIn('/executions', platform(records));
    const rows = async () => (await screen.findAllByRole('row')).slice(1).map((row) => within(row));

    const [running, cached, escalated] = await rows();
    expect(running?.getByText('Running')).toBeVisible();
    expect(cached?.getByText('Cached answer')).toBeVisible();
    expect(escalated?.getByText('For a person')).toBeVisible();
    expect(screen.getByRole('region', { name: 'Budget' })).toHaveTextContent('$12.40 of $50.00');
    await expectAccessible();

    records[0] = execution(MATCHER, { id: 'r-1' });
    expect(await running?.findByText('Succeeded')).toBeVisible();

    await user.click(screen.getByRole('combobox', { name: 'Status' }));
    await user.click(await screen.findByRole('option', { name: 'Failed', hidden: true }));
    expect(await screen.findByText('No run is failed')).toBeVisible();
    expect(router.state.location.search).toMatchObject({ status: 'failed' });
  });

  it('say that a person must decide, what was taken out, and what other agents cost', async () => {
    const record = execution(MATCHER, {
      escalation: { rule: 'Amounts above 10,000', reason: 'The invoice is about 12,480.' },
      redactions: { email: 2, iban: 1 },
      delegated_cost_usd: 0.0883,
      parent_id: 'e-parent',
    });
    const identity = platform([record]);
    renderAppSignedIn(`/executions/${record.id}`, identity);

    const banner = await screen.findByRole('note', { name: 'A person must decide' });
    expect(banner).toHaveTextContent('Amounts above 10,000');
    expect(banner).toHaveTextContent('The invoice is about 12,480.');
    expect(
      screen.getByText('2 e-mail addresses and 1 bank account were taken out before this was stored.'),
    ).toBeVisible();
    expect(screen.getByText('$0.10')).toHaveTextContent('$0.10 of which $0.0883 by other agents');
    expect(screen.getByRole('link', { name: 'Put to work by another agent' })).toHaveAttribute(
      'href',
      '/executions/e-parent',
    );
    await expectAccessible();
  });

  it('say when an answer is an earlier one', async () => {
    const record = execution(MATCHER, { cached: true, cost_usd: 0 });
    renderAppSignedIn(`/executions/${record.id}`, platform([record]));
    expect(await screen.findByText(/^Cached: the answer to an earlier, equal input/)).toBeVisible();
  });

  it('show a rule that declined the task as what it is', async () => {
    const declined = { status: 'failed' as const, output: null };
    const record = execution(MATCHER, {
      ...declined,
      error: { code: 'declined_by_rule', message: 'No legal advice on a named person.' },
    });
    renderAppSignedIn(`/executions/${record.id}`, platform([record]));
    expect(await screen.findByRole('alert')).toHaveTextContent('The agent declines this');
    expect(screen.getByRole('alert')).toHaveTextContent('No legal advice on a named person.');
  });

  it('tell when there is none of that id', async () => {
    renderAppSignedIn('/executions/019ab2c4-ffff-7000-8000-000000000000', platform());
    expect(await screen.findByRole('heading', { level: 1, name: 'There is no such execution' })).toBeVisible();
  });
});
