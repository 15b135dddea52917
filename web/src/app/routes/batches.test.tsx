import { File } from 'node:buffer';

import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';

import { agentInfo } from '@/testing/definitions';
import { batch, batchHandlers, catalogueHandlers, FakeIdentity } from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

const MATCHER = agentInfo('finance-accounting/three-way-match-checker');
const TRIAGER = agentInfo('cybersecurity/phishing-report-triager');

function open(address: string, batches: ReturnType<typeof batch>[] = []) {
  const identity = new FakeIdentity();
  const orders: object[] = [];
  server.use(
    ...catalogueHandlers(identity, [MATCHER, TRIAGER]),
    ...batchHandlers(identity, batches, orders as Parameters<typeof batchHandlers>[2]),
  );
  return { batches, orders, ...renderAppSignedIn(address, identity) };
}

const start = () => screen.findByRole('button', { name: 'Start the batch' });

describe('the batches', () => {
  it('are introduced while there are none, and need an agent and inputs', async () => {
    open('/batches');
    expect(await screen.findByText('No batch yet')).toBeVisible();
    expect(await start()).toBeDisabled();
    await expectAccessible();
  });

  it('are made of an agent and pasted lines, and lead to their progress', async () => {
    const { orders, router, user } = open('/batches');
    await user.click(await screen.findByRole('combobox', { name: 'Agent' }));
    await user.click(await screen.findByRole('option', { name: TRIAGER.name, hidden: true }));
    await waitFor(() => expect(router.state.location.search).toEqual({ agent: TRIAGER.id }));

    await user.click(screen.getByLabelText('Inputs'));
    await user.paste('{"raw_message": "One"}\n{"raw_message": "Two"}\n');
    expect(await screen.findByText('2 inputs · JSON Lines · 46 B')).toBeVisible();
    await user.click(await start());

    expect(await screen.findByRole('heading', { level: 1, name: TRIAGER.name })).toBeVisible();
    const content = '{"raw_message": "One"}\n{"raw_message": "Two"}\n';
    expect(orders).toEqual([{ agent_id: TRIAGER.id, format: 'jsonl', content }]);
    expect(screen.getByText('Running', { selector: '[class*=Badge] *' })).toBeVisible();
  });

  it('name the line that is no input before anything is sent', async () => {
    const { orders, user } = open(`/batches?agent=${TRIAGER.id}`);
    await user.click(await screen.findByLabelText('Inputs'));
    await user.paste('{"raw_message": "One"}\n{"raw_message": \n');
    expect(await screen.findByText(/^Line 2 is no JSON object\./)).toBeVisible();
    expect(await start()).toBeDisabled();
    expect(orders).toEqual([]);
  });

  it('are made of a CSV file that is dropped', async () => {
    const { orders, user } = open(`/batches?agent=${TRIAGER.id}`);
    const file = new File(['raw_message,sender\n"Hello,\nfriend",a@example.com\n'], 'reports.csv');
    fireEvent.drop(await screen.findByLabelText('Inputs'), { dataTransfer: { files: [file] } });

    expect(await screen.findByText(/^1 input · CSV with 2 columns/)).toBeVisible();
    expect(screen.getByText('reports.csv')).toBeVisible();
    await user.click(await start());

    expect(await screen.findByRole('heading', { level: 1, name: TRIAGER.name })).toBeVisible();
    expect(orders).toEqual([{ agent_id: TRIAGER.id, format: 'csv', content: await file.text() }]);
  });

  it('lead from the list to their own page', async () => {
    const { user } = open('/batches', [batch(MATCHER.id, { status: 'finished', cost_usd: 2.94 })]);
    const list = within(await screen.findByRole('region', { name: 'Your batches' }));
    await user.click(await list.findByRole('link', { name: MATCHER.name }));
    expect(await screen.findByRole('region', { name: 'Progress' })).toBeVisible();
  });

  it('can be begun on the page of an agent', async () => {
    open(`/agents/${MATCHER.id}`);
    expect(await screen.findByRole('link', { name: 'Run a batch' })).toHaveAttribute(
      'href',
      `/batches?agent=${encodeURIComponent(MATCHER.id)}`,
    );
  });
});

describe('a batch', () => {
  it('shows how far it is, and its results as soon as they are there', async () => {
    const { batches } = open('/batches/b-0', [batch(MATCHER.id)]);
    expect(await screen.findByRole('img', { name: '256 of 480 done, 9 of them failed' })).toBeVisible();
    expect(screen.getByText('204')).toBeVisible();
    await expectAccessible();

    batches[0] = batch(MATCHER.id, {
      status: 'finished',
      counts: { total: 480, pending: 0, running: 0, succeeded: 471, failed: 9 },
      cost_usd: 5.62,
      finished_at: '2026-03-04T09:40:00Z',
      results: { url: 'https://payloads.example.com/results.jsonl', expires_at: '2026-03-04T09:45:00Z' },
    });
    expect(await screen.findByRole('link', { name: 'Download the results' })).toHaveAttribute(
      'href',
      'https://payloads.example.com/results.jsonl',
    );
    expect(screen.getByText('$5.62')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Cancel the batch' })).not.toBeInTheDocument();
  });

  it('can be cancelled', async () => {
    const { user } = open('/batches/b-0', [batch(MATCHER.id)]);
    await user.click(await screen.findByRole('button', { name: 'Cancel the batch' }));
    expect(await screen.findByText('Cancelled')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Cancel the batch' })).not.toBeInTheDocument();
  });

  it('that could not be run says why', async () => {
    const error = { code: 'invalid_input', message: 'The file is not UTF-8.' };
    open('/batches/b-0', [batch(MATCHER.id, { status: 'failed', counts: null, error })]);
    expect(await screen.findByRole('alert')).toHaveTextContent('The file is not UTF-8.');
  });
});
