import { EditorView } from '@codemirror/view';
import { act, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';

import { catalogueHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';
import { FakeWorkflows, workflow } from '@/testing/workflows';

function open(address: string, room: FakeWorkflows) {
  const identity = new FakeIdentity();
  server.use(...room.handlers(identity), ...catalogueHandlers(identity, []));
  return { room, ...renderAppSignedIn(address, identity) };
}

const editor = () => screen.findByRole('textbox', { name: 'Spec of the workflow' });

/** Writes at the beginning, as by the keyboard: the test's browser has no layout that a cursor could stand in. */
async function write(text: string) {
  const view = EditorView.findFromDOM(await editor());
  act(() => view?.dispatch({ changes: { from: 0, insert: text } }));
}

describe('a new workflow', () => {
  it('begins with an example, and its picture stands beside it', async () => {
    open('/workflows/new', new FakeWorkflows());
    expect(await editor()).toHaveTextContent('name: invoice-approval');
    const steps = within(await screen.findByRole('region', { name: 'Steps' }));
    expect(await steps.findByText('Look at the vendor')).toBeVisible();
    expect(screen.getByText(/^In order\. It compiles to 4 kB/)).toBeVisible();
    await expectAccessible();
  });

  it('is stored as a draft with the text as it was written', async () => {
    const { room, router, user } = open('/workflows/new', new FakeWorkflows());
    await write('# Mine. ');
    await user.click(screen.getByRole('button', { name: 'Save as a draft' }));

    expect(await screen.findByRole('heading', { level: 1, name: 'A new one' })).toBeVisible();
    expect(router.state.location.pathname).toBe('/workflows/w-new');
    expect(room.asked.map(({ path }) => path)).toEqual(['/workflows']);
    const { source } = room.asked[0]?.body as { source: string };
    expect(source).toContain('# Mine. ');
    expect(source).toContain('case: ${steps.summarise.output.case}\n');
  });

  it('is published at once where that is wished', async () => {
    const { room, user } = open('/workflows/new', new FakeWorkflows());
    await editor();
    await user.click(screen.getByRole('button', { name: 'Save and publish' }));
    expect(await screen.findByRole('button', { name: 'Start a run' })).toBeVisible();
    expect(room.asked.map(({ path }) => path)).toEqual(['/workflows', '/workflows/w-new/publish']);
  });

  it('lists every fault by step and field, and leads to the line', async () => {
    const room = new FakeWorkflows();
    room.faultsOf = () => [
      { field: 'steps.summarise.template.amount', message: 'the input has no `amuont`; did you mean `amount`?' },
      { field: 'steps.approve.approvers', message: 'name at least one user or role' },
    ];
    const { user } = open('/workflows/new', room);
    const text = await editor();
    const alert = within(await screen.findByRole('alert'));
    expect(alert.getByText('2 faults')).toBeVisible();
    expect(alert.getByText('the input has no `amuont`; did you mean `amount`?')).toBeVisible();
    await user.click(alert.getByRole('button', { name: /^steps\.approve\.approvers/ }));
    expect(text).toHaveFocus();
    expect(document.getSelection()?.toString()).toContain('approvers: {owner: true}');
    await expectAccessible();

    await user.click(screen.getByRole('button', { name: 'Save as a draft' }));
    await waitFor(() => expect(room.asked).toHaveLength(1));
    expect(await screen.findByText('2 faults')).toBeVisible();
  });

  it('is checked again on demand', async () => {
    const room = new FakeWorkflows();
    room.faultsOf = () => [{ field: 'name', message: 'too short' }];
    const { user } = open('/workflows/new', room);
    expect(await screen.findByText('One fault')).toBeVisible();
    room.faultsOf = () => [];
    await user.click(screen.getByRole('button', { name: 'Check' }));
    expect(await screen.findByText(/^In order/)).toBeVisible();
    expect(screen.queryByText('One fault')).not.toBeInTheDocument();
  });

  it('says that its name is taken, until the text changes', async () => {
    const room = new FakeWorkflows();
    room.refusal = problem(409, 'workflow_name_taken', 'You have a workflow of this name.');
    const { user } = open('/workflows/new', room);
    await editor();
    await user.click(screen.getByRole('button', { name: 'Save as a draft' }));
    expect(await screen.findByText('You have a workflow of this name.')).toBeVisible();
    await write('# Other. ');
    await waitFor(() => expect(screen.queryByText('You have a workflow of this name.')).not.toBeInTheDocument());
  });

  it('is not lost by leaving without a question', async () => {
    const { router, user } = open('/workflows/new', new FakeWorkflows());
    await write('# Mine. ');
    await user.click(screen.getByRole('link', { name: 'Runs' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Leave without saving?' }));
    await user.click(dialog.getByRole('button', { name: 'Stay' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
    expect(router.state.location.pathname).toBe('/workflows/new');
    expect(await editor()).toHaveTextContent('# Mine.');

    await user.click(screen.getByRole('link', { name: 'Runs' }));
    await user.click(await screen.findByRole('button', { name: 'Leave' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
  });

  it('can begin with a copy of another one', async () => {
    const { user } = open('/workflows/w-1/edit', new FakeWorkflows({ workflows: [workflow({ owner: 'platform' })] }));
    expect(await editor()).toHaveAttribute('aria-readonly', 'true');
    expect(screen.queryByRole('button', { name: 'Save as a draft' })).not.toBeInTheDocument();
    await user.click(screen.getByRole('link', { name: 'Make a copy of your own' }));
    expect(await screen.findByRole('button', { name: 'Save as a draft' })).toBeVisible();
    expect(await editor()).toHaveTextContent('name: invoice-to-payment');
  });
});

describe('a further version', () => {
  it('begins with the latest one, and the live one stays until it is published', async () => {
    const { room, user } = open('/workflows/w-1/edit', new FakeWorkflows({ workflows: [workflow()] }));
    expect(await screen.findByText('Version 2 is the start; saving makes version 3.')).toBeVisible();
    await write('# Better. ');
    await user.click(screen.getByRole('button', { name: 'Save as a draft' }));
    expect(await screen.findByRole('button', { name: 'Publish version 3' })).toBeVisible();
    expect(screen.getByText('Version 2 is live')).toBeVisible();
    expect(room.asked.map(({ path }) => path)).toEqual(['/workflows/w-1/versions']);
  });

  it('tells when there is no such workflow', async () => {
    open('/workflows/w-9/edit', new FakeWorkflows());
    expect(await screen.findByRole('heading', { level: 1, name: 'There is no such version' })).toBeVisible();
  });
});
