import { screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { begin } from '@/lib/session/session';
import { ADA, catalogueHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderApp } from '@/testing/render-app';
import { FakeReports, MATCHER, period } from '@/testing/reports';
import { server } from '@/testing/server';

function open(address = '/analytics', reports = new FakeReports(), roles = ['user']) {
  const identity = new FakeIdentity();
  server.use(...reports.handlers(identity), ...catalogueHandlers(identity, [MATCHER]));
  begin(identity.session({ ...ADA, roles }));
  return { reports, ...renderApp(address) };
}

const tile = async (label: string) => {
  const tiles = within(await screen.findByRole('list', { name: 'Overview' }));
  return tiles.getByText(label).closest('li');
};

describe('analytics', () => {
  it('tell the range in figures, beside the range before', async () => {
    const reports = new FakeReports();
    reports.before = period({ executions: 20, succeeded: 20, success_share: 1, cost_usd: 2.5 });
    open('/analytics', reports);
    expect(await tile('Executions')).toHaveTextContent(/40↑ 100 % more than the period before \(20 before\)/);
    expect(await tile('Success')).toHaveTextContent(/75\.0 %↓ 25 points less/);
    expect(await tile('Cost')).toHaveTextContent(/\$1\.25.*50 % less/);
    expect(await tile('Tokens in and out')).toHaveTextContent(/^Tokens in and out8K/);
    expect(await tile('95 of 100 took at most')).toHaveTextContent('4.1 s');
    expect(screen.getByText(/^Counted up to/)).toHaveTextContent('Days and hours are those of UTC');
    await expectAccessible();
  });

  it('draw what happened, and tell the same as a table', async () => {
    const { user } = open();
    const times = within(await screen.findByRole('region', { name: 'Times by day' }));
    await user.click(await times.findByText('As a table'));
    const rows = within(times.getByRole('table')).getAllByRole('row');
    expect(rows.map((row) => row.textContent)).toEqual([
      'Time (UTC)Half took at most95 of 10099 of 100',
      '1 Mar 2026–––',
      '2 Mar 2026820 ms4.1 s9.8 s',
      '3 Mar 2026–––',
    ]);
  });

  it('name agents as the catalogue does, and narrow everything to a model', async () => {
    const { reports, router, user } = open();
    const agents = within(await screen.findByRole('group', { name: 'Top agents, table' }));
    expect(await agents.findByRole('link', { name: MATCHER.name })).toHaveAttribute('href', `/agents/${MATCHER.id}`);
    const models = within(await screen.findByRole('group', { name: 'Times by model, table' }));
    await user.click(models.getByRole('button', { name: 'claude-haiku-5-5' }));
    await waitFor(() => expect(reports.of('errors').at(-1)).toMatchObject({ model: 'claude-haiku-5-5' }));
    expect(router.state.location.search).toEqual({ model: 'claude-haiku-5-5' });
    await user.click(screen.getByRole('button', { name: 'Model: claude-haiku-5-5. Show all' }));
    await waitFor(() => expect(router.state.location.search).toEqual({}));
  });

  it('keep the range in the address, and ask by hours for a day', async () => {
    const { reports, router, user } = open();
    await user.click(await screen.findByRole('radio', { name: '24 hours' }));
    await waitFor(() => expect(reports.of('timeseries').at(-1)).toMatchObject({ grain: 'hour' }));
    expect(router.state.location.search).toEqual({ range: '24h' });
    const { from = '', to = '' } = reports.of('overview').at(-1) ?? {};
    expect(Date.parse(to) - Date.parse(from)).toBeLessThanOrEqual(25 * 3_600_000);
  });

  it('are stored as CSV, of the same range and filter', async () => {
    const names: string[] = [];
    const stored = vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:csv');
    const clicked = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function click(
      this: HTMLAnchorElement,
    ) {
      names.push(this.download);
    });
    onTestFinished(() => {
      stored.mockRestore();
      clicked.mockRestore();
    });
    const { reports, user } = open('/analytics?group=legal');
    await user.click(await screen.findByRole('button', { name: 'Top agents as CSV' }));
    await waitFor(() => expect(names).toEqual(['agents.csv']));
    expect(reports.of('agents').at(-1)).toMatchObject({ format: 'csv', group: 'legal', by: 'executions' });
  });

  it('of everybody, and by user, are for administrators', async () => {
    const { reports, user } = open('/analytics', new FakeReports(), ['user', 'admin']);
    const users = within(await screen.findByRole('group', { name: 'Cost by user, table' }));
    expect(users.getByRole('button', { name: 'Bea' })).toBeVisible();
    await user.click(screen.getByRole('radio', { name: 'Mine' }));
    await waitFor(() => expect(reports.of('overview').at(-1)).toMatchObject({ scope: 'mine' }));
    expect(screen.queryByRole('group', { name: 'Cost by user, table' })).not.toBeInTheDocument();
  });

  it('of a member ask for no other user', async () => {
    const { reports } = open();
    await screen.findByRole('group', { name: 'Top agents, table' });
    expect(screen.queryByRole('radio', { name: 'Everybody' })).not.toBeInTheDocument();
    expect(reports.of('users')).toEqual([]);
  });

  it('say that nothing was executed yet, and what to do', async () => {
    const reports = new FakeReports();
    reports.now = period();
    reports.as_of = null;
    open('/analytics', reports);
    expect(await screen.findByText('No figures yet')).toBeVisible();
    expect(screen.getByRole('link', { name: 'Find an agent' })).toBeVisible();
  });

  it('say while they are being rebuilt', async () => {
    const reports = new FakeReports();
    reports.complete = false;
    open('/analytics', reports);
    expect(await screen.findByText('The figures are not complete')).toBeVisible();
  });

  it('of which one fails show the others, and try again', async () => {
    const reports = new FakeReports();
    reports.refusals['errors'] = problem(422, 'invalid_input', 'The range is too long.');
    const { user } = open('/analytics', reports);
    const failed = within(await screen.findByRole('region', { name: 'Failed executions' }));
    expect(await failed.findByText('The range is too long.')).toBeVisible();
    expect(await screen.findByRole('group', { name: 'Top agents, table' })).toBeVisible();
    delete reports.refusals['errors'];
    await user.click(failed.getByRole('button', { name: /again/i }));
    expect(await failed.findByText('Model timed out')).toBeVisible();
  });
});
