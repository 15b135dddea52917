import { screen, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';

import { catalogueHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';
import { type Approval, approval, FakeWorkflows } from '@/testing/workflows';

function open(address: string, approvals: Approval[] = []) {
  const identity = new FakeIdentity();
  const room = new FakeWorkflows({ approvals });
  server.use(...room.handlers(identity), ...catalogueHandlers(identity, []));
  return { room, ...renderAppSignedIn(address, identity) };
}

const decision = async () => within(await screen.findByRole('region', { name: 'Your decision' }));

describe('the approvals', () => {
  it('are introduced while there are none, and not counted', async () => {
    open('/approvals');
    expect(await screen.findByText('Nothing waits for you')).toBeVisible();
    expect(screen.getByRole('link', { name: 'Approvals' })).toBeVisible();
    await expectAccessible();
  });

  it('are counted on every page, and lead to what is asked', async () => {
    const { user } = open('/approvals', [approval(), approval({ id: 'a-2', message: 'Publish?' })]);
    expect(await screen.findByRole('link', { name: 'Approvals 2 to decide' })).toBeVisible();
    await expectAccessible();
    await user.click(await screen.findByRole('link', { name: 'Pay 1,200 EUR to Norpack AS?' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Approve the payment' })).toBeVisible();
  });

  it('stay to be looked up once they are decided', async () => {
    const { router, user } = open('/approvals', [
      approval({ status: 'rejected', decided_by: 'grace@example.com', decided_at: '2026-03-04T09:31:00Z' }),
    ]);
    expect(await screen.findByText('Nothing waits for you')).toBeVisible();
    await user.click(screen.getByRole('radio', { name: 'Decided' }));
    expect(await screen.findByText('Rejected')).toBeVisible();
    expect(screen.getByText(/by grace@example\.com/)).toBeVisible();
    expect(router.state.location.search).toEqual({ status: 'decided' });
  });
});

describe('an approval', () => {
  it('shows what it is about, and is approved with what must be filled in and a comment', async () => {
    const { room, user } = open('/approvals/a-1', [approval()]);
    const form = await decision();
    expect(screen.getByText('Norpack AS')).toBeVisible();
    await expectAccessible();

    await user.click(form.getByRole('button', { name: 'Approve' }));
    expect(await form.findByText('One field needs attention')).toBeVisible();
    expect(room.asked).toEqual([]);

    await user.type(form.getByRole('textbox', { name: /^Cost centre/ }), '4711');
    await user.type(form.getByRole('textbox', { name: 'Comment' }), 'Agreed by phone.');
    await user.click(form.getByRole('button', { name: 'Approve' }));

    const note = within(await screen.findByRole('region', { name: 'Decision' }));
    expect(note.getByText(/^Approved by ada@example\.com/)).toBeVisible();
    expect(note.getByText('“Agreed by phone.”')).toBeVisible();
    expect(note.getByText('4711')).toBeVisible();
    expect(room.asked).toEqual([
      {
        path: '/approvals/a-1/decide',
        body: { decision: 'approved', form: { cost_centre: '4711' }, comment: 'Agreed by phone.' },
      },
    ]);
    await expectAccessible();
  });

  it('is rejected without filling anything in, and is no longer counted', async () => {
    const { room, user } = open('/approvals/a-1', [approval()]);
    expect(await screen.findByRole('link', { name: 'Approvals 1 to decide' })).toBeVisible();
    await user.click((await decision()).getByRole('button', { name: 'Reject' }));
    expect(await screen.findByText(/^Rejected by ada@example\.com/)).toBeVisible();
    expect(room.asked[0]?.body).toEqual({ decision: 'rejected' });
    const navigation = within(screen.getByRole('navigation', { name: 'Main' }));
    expect(await navigation.findByRole('link', { name: 'Approvals' })).toBeVisible();
  });

  it('shows a fault of the form at its field', async () => {
    const { room, user } = open('/approvals/a-1', [approval()]);
    room.refusal = problem(422, 'invalid_input', 'The form is wrong.', {
      errors: [{ field: 'form.cost_centre', message: 'there is no such cost centre' }],
    });
    const form = await decision();
    await user.type(form.getByRole('textbox', { name: /^Cost centre/ }), '1');
    await user.click(form.getByRole('button', { name: 'Approve' }));
    expect(await form.findByRole('textbox', { name: /^Cost centre/ })).toBeInvalid();
    expect(form.getAllByText('there is no such cost centre', { exact: false })[0]).toBeVisible();
  });

  it('that somebody else was faster to decide shows that decision', async () => {
    const { room, user } = open('/approvals/a-1', [approval()]);
    const form = await decision();
    room.approvals[0] = approval({
      status: 'approved',
      decided_by: 'grace@example.com',
      decided_at: '2026-03-04T09:31:00Z',
    });
    room.refusal = problem(409, 'approval_decided', 'It has been decided already.');
    await user.click(form.getByRole('button', { name: 'Reject' }));
    expect(await screen.findByText(/^Approved by grace@example\.com/)).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Reject' })).not.toBeInTheDocument();
  });

  it.each([
    ['expired', /^Nobody decided before/],
    ['withdrawn', /^The run ended without waiting/],
    ['rejected', /^Rejected by the time-out/],
  ] as const)('that is %s cannot be decided any more', async (status, words) => {
    open('/approvals/a-1', [approval({ status })]);
    expect(await screen.findByText(words)).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Approve' })).not.toBeInTheDocument();
  });

  it('that is not the reader’s tells so', async () => {
    open('/approvals/a-9');
    expect(await screen.findByRole('heading', { level: 1, name: 'There is no such approval' })).toBeVisible();
    expect(screen.getByRole('link', { name: 'Back to the approvals' })).toHaveAttribute('href', '/approvals');
  });
});
