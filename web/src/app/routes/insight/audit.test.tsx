import { screen, waitFor } from '@testing-library/react';
import { Blob as RealBlob } from 'node:buffer';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { begin } from '@/lib/session/session';
import { ADA, catalogueHandlers, FakeIdentity, problem } from '@/testing/platform';
import { ADMINISTRATORS_ONLY, entry, FakeRecords } from '@/testing/records';
import { expectAccessible, renderApp } from '@/testing/render-app';
import { server } from '@/testing/server';

const three = () => [entry(3), entry(2), entry(1)];

function open(records: FakeRecords, address = '/audit', roles = ['user', 'admin']) {
  const identity = new FakeIdentity();
  server.use(...records.handlers(identity), ...catalogueHandlers(identity, []));
  begin(identity.session({ ...ADA, roles }));
  return renderApp(address);
}

const asked = (records: FakeRecords, path: string) => records.asked.filter((one) => one.path === path);

describe('the audit log', () => {
  it('shows entries with their hashes, and more of them on demand', async () => {
    const records = new FakeRecords({ entries: three() });
    records.pageSize = 2;
    const { user } = open(records);
    await user.click(await screen.findByText('aaaaaaaaaaaa', { selector: 'li:first-child span' }));
    expect(screen.getByText('event-3')).toBeVisible();
    expect(screen.getByText(entry(3).hash)).toBeVisible();
    await expectAccessible();
    expect(screen.queryByText('event-1')).not.toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Show more' }));
    expect(await screen.findByText('event-1')).toBeInTheDocument();
  });

  it('is narrowed by what happened to what, in the address and the question', async () => {
    const records = new FakeRecords({ entries: three() });
    const { router, user } = open(records, '/audit?type=workflow.failed');
    await waitFor(() => expect(asked(records, '/audit')[0]?.query).toMatchObject({ type: 'workflow.failed' }));
    await user.type(screen.getByRole('textbox', { name: 'Agent or run' }), 'run-1{Enter}');
    await waitFor(() =>
      expect(asked(records, '/audit').at(-1)?.query).toMatchObject({ type: 'workflow.failed', subject: 'run-1' }),
    );
    expect(router.state.location.search).toEqual({ type: 'workflow.failed', subject: 'run-1' });
  });

  it('is verified to its end, however many calls that takes', async () => {
    const records = new FakeRecords({ entries: three() });
    const { user } = open(records);
    await user.click(await screen.findByRole('button', { name: 'Verify the chain' }));
    expect(await screen.findByText('The chain is intact')).toBeVisible();
    expect(screen.getByText(/^All 3 entries are as they were written/)).toBeVisible();
    expect(screen.getByText('f'.repeat(64))).toBeVisible();
  });

  it('that was changed says where', async () => {
    const records = new FakeRecords({ entries: three() });
    records.verification = { intact: false, broken_at: 2, verified_to: 1 };
    const { user } = open(records);
    await user.click(await screen.findByRole('button', { name: 'Verify the chain' }));
    const alert = await screen.findByRole('alert');
    expect(alert).toHaveTextContent('The chain is broken');
    expect(alert).toHaveTextContent('Entry 2 is missing, was changed, or is out of place.');
    expect(screen.queryByText('The chain is intact')).not.toBeInTheDocument();
  });

  it('that could not be verified is not called intact', async () => {
    const records = new FakeRecords({ entries: three() });
    const { user } = open(records);
    const button = await screen.findByRole('button', { name: 'Verify the chain' });
    await screen.findAllByText('legal/nda-reviewer');
    records.refusal = problem(503, 'storage_unavailable', 'The database does not answer.');
    await user.click(button);
    expect(await screen.findByText('The chain was not verified')).toBeVisible();
    expect(screen.queryByText('The chain is intact')).not.toBeInTheDocument();
  });

  it('is exported whole, part after part', async () => {
    const saved: Blob[] = [];
    vi.stubGlobal('Blob', RealBlob); // jsdom's own cannot join those that fetch gives
    const stored = vi.spyOn(URL, 'createObjectURL').mockImplementation((content) => {
      saved.push(content as Blob);
      return 'blob:log';
    });
    onTestFinished(() => {
      vi.unstubAllGlobals();
      stored.mockRestore();
    });
    const records = new FakeRecords({ entries: [entry(1), entry(2), entry(3)] });
    const { user } = open(records);
    await user.click(await screen.findByRole('button', { name: 'Export' }));
    await waitFor(() => expect(saved).toHaveLength(1));
    const lines = (await saved[0]?.text())?.trim().split('\n') ?? [];
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual([1, 2, 3]);
    expect(asked(records, '/audit/export').map(({ query }) => query['after_seq'])).toEqual(['0', '2']);
  });

  it('is for administrators', async () => {
    const records = new FakeRecords({ entries: three() });
    records.refusal = ADMINISTRATORS_ONLY();
    open(records, '/audit', ['user']);
    expect(await screen.findByText('This page is for administrators')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Export' })).not.toBeInTheDocument();
  });
});
