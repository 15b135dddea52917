import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';

import { catalogueHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';
import { FakeWorkflows, type Run, run, step, workflow } from '@/testing/workflows';

function open(address: string, runs: Run[] = []) {
  const identity = new FakeIdentity();
  const room = new FakeWorkflows({ workflows: [workflow()], runs });
  server.use(...room.handlers(identity), ...catalogueHandlers(identity, []));
  return { room, ...renderAppSignedIn(address, identity) };
}

const FAILED: Partial<Run> = {
  status: 'failed',
  error: { code: 'model_timed_out', message: 'The model did not answer within 120 s.', step_id: 'read' },
  finished_at: '2026-03-04T09:33:00Z',
  duration_ms: 184_000,
  cost_usd: 0.22,
};

const region = async (name: string) => within(await screen.findByRole('region', { name }));

describe('the runs', () => {
  it('are introduced while there are none', async () => {
    open('/runs');
    expect(await screen.findByText('No workflow has been run yet')).toBeVisible();
    expect(screen.getByRole('link', { name: 'Find a workflow' })).toHaveAttribute('href', '/workflows');
  });

  it('say what started them, how they ended and what they cost, and are narrowed by status', async () => {
    const { router, user } = open('/runs', [
      run({ name: 'march-2291' }),
      run({ id: 'r-2', ...FAILED, name: 't-1:1', source: { kind: 'schedule', id: 't-1', depth: 0 }, attempt: 2 }),
    ]);
    const rows = (await screen.findAllByRole('listitem')).map((row) => within(row));
    expect(rows[0]?.getByText('march-2291')).toBeVisible();
    expect(rows[0]?.getByText('Running')).toBeVisible();
    expect(
      rows[1]?.getByText('Started by a schedule · attempt 2 · The model did not answer within 120 s.'),
    ).toBeVisible();
    expect(rows[1]?.getByText('3 min 04 s')).toBeVisible();
    expect(rows[1]?.getByText('$0.22')).toBeVisible();
    await expectAccessible();

    await user.click(screen.getByRole('combobox', { name: 'Status' }));
    await user.click(await screen.findByRole('option', { name: 'Stopped', hidden: true }));
    expect(await screen.findByText('No run is like that')).toBeVisible();
    expect(router.state.location.search).toEqual({ status: 'stopped' });
  });

  it('are narrowed to one workflow', async () => {
    open('/runs?workflow=w-1', [run(), run({ id: 'r-2', workflow_id: 'w-2', workflow_title: 'Another' })]);
    expect(await screen.findByText(/^Your runs of Invoice to payment/)).toBeVisible();
    expect(await screen.findAllByRole('listitem')).toHaveLength(1);
    expect(screen.getByRole('link', { name: 'Show all' })).toHaveAttribute('href', '/runs');
  });
});

describe('a run', () => {
  it('shows every step as it stands, and leads to the decision it waits for', async () => {
    open('/runs/r-1', [run()]);
    const steps = await region('Steps');
    expect(
      steps.getByRole('button', { name: /^Read the invoice.*Agent · 1\.2 s · \$0\.0117.*Succeeded/ }),
    ).toBeVisible();
    expect(steps.getByRole('button', { name: /^Approve the payment.*Waiting/ })).toBeVisible();
    expect(screen.getByRole('link', { name: 'Open the decision' })).toHaveAttribute('href', '/approvals/a-1');
    const picture = await region('Picture');
    expect(await picture.findByRole('button', { name: /^Approve the payment.*Waiting/ })).toBeVisible();
    await expectAccessible();
  });

  it('opens a step chosen in the picture, with its data and its execution', async () => {
    const { user } = open('/runs/r-1', [run()]);
    const picture = await region('Picture');
    await user.click(await picture.findByRole('button', { name: /^Read the invoice/ }));
    const steps = await region('Steps');
    await waitFor(() => expect(steps.getByText('Total')).toBeVisible());
    expect(steps.getByText('1200')).toBeVisible();
    expect(steps.getByRole('link', { name: 'Execution' })).toHaveAttribute('href', '/executions/e-1');
    expect(picture.getByRole('button', { name: /^Read the invoice/ })).toHaveAttribute('aria-pressed', 'true');
    await expectAccessible();
  });

  it('says which values are too large to be shown, and never that there are none', async () => {
    const large = step('read', { left_out: ['output', 'input'], execution_ids: ['e-1'] });
    const { user } = open('/runs/r-1', [
      run({ status: 'succeeded', input: null, left_out: ['input'], steps: [large] }),
    ]);
    const steps = await region('Steps');
    await user.click(steps.getByRole('button', { name: /^Read the invoice/ }));
    await waitFor(() => expect(steps.getByText(/The output and the input are too large/)).toBeVisible());
    expect(steps.queryByText('It holds no data.')).not.toBeInTheDocument();
    expect(screen.getByText(/^The input is too large/)).toBeVisible();
    expect(screen.queryByRole('region', { name: 'Input' })).not.toBeInTheDocument();
    await expectAccessible();
  });

  it('is looked at again while it goes on', async () => {
    const { room } = open('/runs/r-1', [run({ steps: [step('read', { status: 'running', duration_ms: null })] })]);
    const steps = await region('Steps');
    expect(steps.getByText('Running')).toBeVisible();
    room.runs[0] = run({ status: 'succeeded', output: { paid: 'in full' }, cost_usd: 0.3, steps: [step('read')] });
    expect(await steps.findByText('Succeeded')).toBeVisible();
    expect(within(screen.getByRole('region', { name: 'Output' })).getByText('in full')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Stop the run' })).not.toBeInTheDocument();
  });

  it('tells how far a map is, and names a few of its executions', async () => {
    const counts = { total: 40, succeeded: 11, failed: 1, running: 10 };
    const execution_ids = Array.from({ length: 12 }, (_, at) => `e-${at}`);
    const { user } = open('/runs/r-1', [
      run({ steps: [step('read', { kind: 'map', status: 'running', counts, execution_ids, child_run_id: 'r-0' })] }),
    ]);
    const steps = await region('Steps');
    await user.click(steps.getByRole('button', { name: /12 of 40, 1 failed/ }));
    expect(await steps.findByRole('link', { name: 'Execution 10' })).toBeVisible();
    expect(steps.getByText('and 2 more')).toBeVisible();
    expect(steps.getByRole('link', { name: 'Run of the workflow' })).toHaveAttribute('href', '/runs/r-0');
  });

  it('is stopped after the question', async () => {
    const { room, user } = open('/runs/r-1', [run()]);
    await user.click(await screen.findByRole('button', { name: 'Stop the run' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Stop this run?' }));
    expect(room.asked).toEqual([]);
    await user.click(dialog.getByRole('button', { name: 'Stop the run' }));
    expect(await screen.findByRole('button', { name: 'Go on with it' })).toBeVisible();
    expect(room.asked.map(({ path }) => path)).toEqual(['/runs/r-1/stop']);
  });

  it('that failed says where and why, and goes on from there', async () => {
    const steps = [step('read', { status: 'failed', error: { code: 'model_timed_out', message: 'No answer.' } })];
    const { room, user } = open('/runs/r-1', [run({ ...FAILED, steps })]);
    const alert = await screen.findByRole('alert');
    expect(alert).toHaveTextContent('It failed at “Read the invoice”');
    expect(alert).toHaveTextContent('The model did not answer within 120 s.');
    await expectAccessible();

    await user.click(screen.getByRole('button', { name: 'Retry from the failed step' }));
    expect(await screen.findByText('Attempt 2')).toBeVisible();
    expect(screen.getByRole('button', { name: 'Stop the run' })).toBeVisible();
    expect(room.asked.map(({ path }) => path)).toEqual(['/runs/r-1/retry']);
  });

  it('that is repeated as a new one leads there', async () => {
    const { router, user } = open('/runs/r-1', [run(FAILED), run({ id: 'r-2', retry_of: 'r-1' })]);
    server.use(http.post('*/api/v1/runs/r-1/retry', () => HttpResponse.json(run({ id: 'r-2' }), { status: 202 })));
    await user.click(await screen.findByRole('button', { name: 'Retry from the failed step' }));
    expect(await screen.findByRole('link', { name: 'Repeats an earlier run' })).toHaveAttribute('href', '/runs/r-1');
    expect(router.state.location.pathname).toBe('/runs/r-2');
  });

  it('says why it does not go on', async () => {
    const { room, user } = open('/runs/r-1', [run(FAILED)]);
    room.refusal = problem(409, 'workflow_archived', 'The workflow has been archived.');
    await user.click(await screen.findByRole('button', { name: 'Retry from the failed step' }));
    expect(await screen.findByText('The workflow has been archived.')).toBeVisible();
  });

  it('that is a step of another run leads back to it', async () => {
    open('/runs/r-1', [run({ parent_run_id: 'r-0', source: { kind: 'workflow', id: 'r-0', depth: 1 } })]);
    expect(await screen.findByRole('link', { name: 'Step of another run' })).toHaveAttribute('href', '/runs/r-0');
  });

  it('tells when there is none of that id', async () => {
    open('/runs/r-9');
    await waitFor(() =>
      expect(screen.getByRole('heading', { level: 1, name: 'There is no such run' })).toBeInTheDocument(),
    );
    expect(screen.getByRole('link', { name: 'Back to the runs' })).toHaveAttribute('href', '/runs');
  });
});
