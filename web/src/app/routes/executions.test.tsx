import { screen, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';

import { agentInfo } from '@/testing/definitions';
import { catalogueHandlers, execution, executionHandlers, FakeIdentity } from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

const MATCHER = agentInfo('finance-accounting/three-way-match-checker');

function platform() {
  const identity = new FakeIdentity();
  server.use(...catalogueHandlers(identity, [MATCHER]), ...executionHandlers(identity, [MATCHER]));
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

    await user.click(row.getByRole('link', { name: 'Three way match checker' }));
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

  it('tell when there is none of that id', async () => {
    renderAppSignedIn('/executions/019ab2c4-ffff-7000-8000-000000000000', platform());
    expect(await screen.findByRole('heading', { level: 1, name: 'There is no such execution' })).toBeVisible();
  });
});
