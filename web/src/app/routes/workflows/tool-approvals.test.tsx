import { screen, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';

import type { components } from '@/lib/api/schema';
import { agentInfo } from '@/testing/definitions';
import { ADA, catalogueHandlers, execution, executionHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

type ToolApproval = components['schemas']['ToolApproval'];

const MATCHER = agentInfo('finance-accounting/three-way-match-checker');

const WAITING: ToolApproval = {
  id: 't-1',
  status: 'pending',
  owner: 'user-1',
  agent_id: MATCHER.id,
  entry_agent_id: MATCHER.id,
  execution_id: 'e-9',
  tool: 'http_request',
  effect: 'writes',
  arguments: { method: 'POST', url: 'https://erp.example.com/payments', body: '{"amount": 1200}' },
  digest: 'd',
  created_at: '2026-03-04T09:30:00Z',
  expires_at: '2026-03-04T09:45:00Z',
  decided_at: null,
  decided_by: null,
  comment: null,
  used_by: null,
};

function open(address: string, start: ToolApproval = WAITING, more: { parent_id?: string } = {}) {
  const identity = new FakeIdentity();
  const asked: unknown[] = [];
  let call = start;
  const waiting = execution(MATCHER, {
    id: 'e-9',
    status: 'failed',
    output: null,
    error: { code: 'approval_required', message: 'The agent wants to call `http_request`, which writes.' },
    tool_approval_id: 't-1',
    ...more,
  });
  server.use(
    http.get('*/api/v1/tool-approvals', ({ request }) => {
      const isPending = new URL(request.url).searchParams.get('status') === 'pending';
      return HttpResponse.json({ items: (call.status === 'pending') === isPending ? [call] : [], next_cursor: null });
    }),
    http.get('*/api/v1/tool-approvals/:id', ({ params }) =>
      params['id'] === 't-1'
        ? HttpResponse.json(call)
        : problem(404, 'approval_not_found', 'There is no such approval.'),
    ),
    http.post('*/api/v1/tool-approvals/t-1/decide', async ({ request }) => {
      const { decision } = (await request.json()) as { decision: 'approved' | 'declined' };
      asked.push(decision);
      call = { ...call, status: decision, decided_by: 'ada@example.com', decided_at: '2026-03-04T09:31:00Z' };
      return HttpResponse.json(call);
    }),
    http.post('*/api/v1/agents/:group/:name/execute', async ({ request }) => {
      asked.push(await request.json());
      return HttpResponse.json(execution(MATCHER, { id: 'e-10' }));
    }),
    ...catalogueHandlers(identity, [MATCHER]),
    ...executionHandlers(identity, [MATCHER], [], [waiting]),
  );
  return { asked, ...renderAppSignedIn(address, identity) };
}

const wish = async () => within(await screen.findByRole('region', { name: 'What the agent wants to do' }));

describe('a call that an agent wants to make', () => {
  it('stands on the approvals page and leads to its exact arguments', async () => {
    const { user } = open('/approvals');
    await user.click(await screen.findByRole('link', { name: `${MATCHER.id} wants to call http_request` }));
    expect(await screen.findByRole('heading', { level: 1, name: 'A call to approve' })).toBeVisible();
    expect((await wish()).getByRole('group', { name: 'Arguments' })).toHaveTextContent('erp.example.com/payments');
    await expectAccessible();
  });

  it('is approved on the page of its execution and then made with that approval', async () => {
    const { asked, user } = open('/executions/e-9');
    expect(await screen.findByText('A person must approve first')).toBeVisible();
    await user.click((await wish()).getByRole('button', { name: 'Approve this call' }));
    expect(await screen.findByText(/Decided by ada@example\.com/)).toBeVisible();
    await expectAccessible();
    await user.click(await screen.findByRole('button', { name: 'Run it with this approval' }));
    await screen.findByText('Succeeded');
    expect(asked).toEqual(['approved', { input: expect.anything() as unknown, tool_approval: 't-1' }]);
  });

  it('is declined, and cannot be run then', async () => {
    const { asked, user } = open('/executions/e-9');
    await user.click((await wish()).getByRole('button', { name: 'Decline' }));
    expect(await screen.findByText('Declined')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Run it with this approval' })).not.toBeInTheDocument();
    expect(asked).toEqual(['declined']);
  });

  it('leads from the inbox to the execution that can be run with it', async () => {
    const { user } = open('/tool-approvals/t-1', { ...WAITING, owner: ADA.id });
    await user.click(await screen.findByRole('link', { name: 'this execution' }));
    expect(await screen.findByText('A person must approve first')).toBeVisible();
  });

  it('says whose it is to somebody else who may decide', async () => {
    open('/tool-approvals/t-1', { ...WAITING, owner: 'user-77' });
    expect(await screen.findByText(/For the user user-77/)).toBeVisible();
  });

  it('whose time is over was not done', async () => {
    open('/tool-approvals/t-1', { ...WAITING, status: 'expired' });
    expect(await screen.findByText(/Nobody decided in time/)).toBeVisible();
  });

  it('of an agent that worked for another is run by the whole request', async () => {
    open('/executions/e-9', { ...WAITING, status: 'approved' }, { parent_id: 'e-1' });
    expect(await screen.findByRole('link', { name: /Run the whole request/ })).toHaveAttribute(
      'href',
      '/executions/e-1',
    );
    expect(screen.queryByRole('button', { name: 'Run it with this approval' })).not.toBeInTheDocument();
  });

  it('that is not the reader’s is not shown', async () => {
    open('/tool-approvals/unknown');
    expect(await screen.findByText('There is no such call to approve')).toBeVisible();
  });
});
