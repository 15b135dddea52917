import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';

import { catalogueHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';
import { FakeWorkflows, run, trigger, workflow } from '@/testing/workflows';

function open(address: string, room: FakeWorkflows) {
  const identity = new FakeIdentity();
  server.use(...room.handlers(identity), ...catalogueHandlers(identity, []));
  return { room, ...renderAppSignedIn(address, identity) };
}

const region = async (name: string) => within(await screen.findByRole('region', { name }));

describe('the workflows', () => {
  it('are introduced while there are none', async () => {
    open('/workflows', new FakeWorkflows());
    expect(await screen.findByText('No workflow yet')).toBeVisible();
    expect(screen.getByRole('link', { name: 'Write one' })).toHaveAttribute('href', '/workflows/new');
    await expectAccessible();
  });

  it('stand in one list, the reader’s and the platform’s, and are searched by words kept in the address', async () => {
    const { router, user } = open(
      '/workflows',
      new FakeWorkflows({
        workflows: [
          workflow(),
          workflow({ id: 'w-2', title: 'Incident response', owner: 'platform', status: 'draft', steps: 1 }),
        ],
      }),
    );
    const rows = (await screen.findAllByRole('listitem')).map((row) => within(row));
    expect(rows[0]?.getByText('Mine')).toBeVisible();
    expect(rows[0]?.getByText('Published')).toBeVisible();
    expect(rows[1]?.getByText('Platform')).toBeVisible();
    expect(rows[1]?.getByText('Draft')).toBeVisible();
    expect(rows[1]?.getByText('1 step')).toBeVisible();
    await expectAccessible();

    await user.type(screen.getByRole('searchbox', { name: 'Search workflows' }), 'incident');
    await waitFor(() => expect(router.state.location.search).toEqual({ q: 'incident' }));
    await waitFor(() => expect(screen.getAllByRole('listitem')).toHaveLength(1));

    await user.click(screen.getByRole('link', { name: 'Incident response' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Incident response' })).toBeVisible();
  });

  it('say that nothing was found', async () => {
    open('/workflows?q=zebra', new FakeWorkflows({ workflows: [workflow()] }));
    expect(await screen.findByText('No workflow matches')).toBeVisible();
  });
});

describe('a workflow', () => {
  it('shows what it does as a picture and as a list', async () => {
    const { user } = open('/workflows/w-1', new FakeWorkflows({ workflows: [workflow()] }));
    const steps = await region('Steps');
    const picture = within(await steps.findByRole('group', { name: 'Picture of the workflow' }));
    expect(picture.getByText('Look at the vendor')).toBeVisible();
    expect(picture.getByText('on error')).toBeVisible();
    await expectAccessible();

    await user.click(steps.getByRole('radio', { name: 'List' }));
    expect(steps.queryByRole('group', { name: 'Picture of the workflow' })).not.toBeInTheDocument();
    const [outer, vendor, order] = steps.getAllByRole('list');
    expect(within(outer as HTMLElement).getByText('Approve the payment')).toBeVisible();
    expect(vendor).toHaveTextContent(/^Look at the vendor/);
    expect(order).toHaveTextContent(/^Look at the order/);
    await expectAccessible();
  });

  it('is run with its example and leads to the run', async () => {
    const { room, router, user } = open('/workflows/w-1', new FakeWorkflows({ workflows: [workflow()] }));
    const form = await region('Run it');
    expect(form.getByLabelText(/^Number/)).toHaveValue('INV-2291');
    await user.type(form.getByLabelText('Name of the run'), 'march-2291');
    await user.click(form.getByRole('button', { name: 'Start a run' }));

    expect(await screen.findByRole('region', { name: 'Picture' })).toBeVisible();
    expect(router.state.location.pathname).toBe('/runs/r-new');
    expect(room.asked).toEqual([
      { path: '/workflows/w-1/runs', body: { input: { number: 'INV-2291', amount: 1200 }, name: 'march-2291' } },
    ]);
  });

  it('is not run as long as something it needs is missing', async () => {
    const { room, user } = open('/workflows/w-1', new FakeWorkflows({ workflows: [workflow()] }));
    const form = await region('Run it');
    await user.clear(form.getByLabelText(/^Number/));
    await user.click(form.getByRole('button', { name: 'Start a run' }));
    expect(await form.findByText('One field needs attention')).toBeVisible();
    expect(room.asked).toEqual([]);
  });

  it('says at the name that it was used for another input', async () => {
    const room = new FakeWorkflows({ workflows: [workflow()] });
    room.refusal = problem(409, 'run_name_reused', 'The name march is taken by a run with another input.');
    const { user } = open('/workflows/w-1', room);
    const form = await region('Run it');
    await user.click(form.getByRole('button', { name: 'Start a run' }));
    expect(await form.findByRole('alert')).toHaveTextContent('The name march is taken by a run with another input.');
  });

  it('is published from its page, and can be run then', async () => {
    const draft = workflow({ status: 'draft', live_version: null, latest_version: 1, version: 1 });
    const { room, user } = open('/workflows/w-1', new FakeWorkflows({ workflows: [draft] }));
    expect(await screen.findByText('Not published yet')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Start a run' })).not.toBeInTheDocument();

    await user.click(screen.getByRole('button', { name: 'Publish version 1' }));
    expect(await screen.findByRole('button', { name: 'Start a run' })).toBeVisible();
    expect(room.asked).toEqual([{ path: '/workflows/w-1/publish', body: { version: 1 } }]);
  });

  it('is rolled back to a version that was live before', async () => {
    const { room, user } = open('/workflows/w-1', new FakeWorkflows({ workflows: [workflow()] }));
    const versions = await region('Versions');
    expect(await versions.findByText('Live')).toBeVisible();
    await user.click(versions.getByRole('button', { name: 'Roll back to it' }));
    await waitFor(() => expect(room.asked).toEqual([{ path: '/workflows/w-1/rollback', body: { version: 1 } }]));
    expect(await screen.findByText('Version 1 is live')).toBeVisible();
    expect(await screen.findByRole('button', { name: 'Publish version 2' })).toBeVisible();
  });

  it('says why a version was not published', async () => {
    const room = new FakeWorkflows({ workflows: [workflow({ latest_version: 3 })] });
    room.refusal = problem(503, 'storage_unavailable', 'The state machine could not be made. Try again.');
    const { user } = open('/workflows/w-1', room);
    await user.click(await screen.findByRole('button', { name: 'Publish version 3' }));
    expect(await screen.findByRole('alert')).toHaveTextContent('The state machine could not be made.');
  });

  it('is archived only after the question, and is only read then', async () => {
    const { room, user } = open('/workflows/w-1', new FakeWorkflows({ workflows: [workflow()] }));
    await user.click(await screen.findByRole('button', { name: 'Archive' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Archive this workflow?' }));
    expect(room.asked).toEqual([]);
    await user.click(dialog.getByRole('button', { name: 'Archive' }));

    await waitFor(() => expect(screen.queryByRole('button', { name: 'Start a run' })).not.toBeInTheDocument());
    expect(screen.getByText(/^No further run can be started/)).toBeVisible();
    expect(screen.queryByRole('link', { name: 'Edit' })).not.toBeInTheDocument();
  });

  it('of the platform is run but not changed', async () => {
    open('/workflows/w-1', new FakeWorkflows({ workflows: [workflow({ owner: 'platform' })] }));
    expect(await screen.findByRole('button', { name: 'Start a run' })).toBeVisible();
    expect(screen.getByText('platform/invoice-to-payment')).toBeVisible();
    expect(await screen.findByRole('link', { name: 'Source of version 2' })).toBeVisible();
    for (const name of ['Archive', 'Roll back to it']) {
      expect(screen.queryByRole('button', { name })).not.toBeInTheDocument();
    }
    expect(screen.queryByRole('link', { name: 'Edit' })).not.toBeInTheDocument();
  });

  it('lists its newest runs', async () => {
    const runs = [run({ id: 'r-7', status: 'succeeded', cost_usd: 0.21, duration_ms: 65_000 })];
    open('/workflows/w-1', new FakeWorkflows({ workflows: [workflow()], runs }));
    const newest = await region('Your newest runs');
    expect(await newest.findByText('$0.21')).toBeVisible();
    expect(newest.getByText('1 min 05 s')).toBeVisible();
    expect(newest.getByRole('link', { name: 'All your runs of it' })).toHaveAttribute('href', '/runs?workflow=w-1');
  });

  it('tells when there is none of that id', async () => {
    open('/workflows/w-9', new FakeWorkflows());
    expect(await screen.findByRole('heading', { level: 1, name: 'There is no such workflow' })).toBeVisible();
    expect(screen.getByRole('link', { name: 'Back to the workflows' })).toHaveAttribute('href', '/workflows');
  });
});

describe('the triggers of a workflow', () => {
  const opened = async (room = new FakeWorkflows({ workflows: [workflow()] })) => {
    const { user } = open('/workflows/w-1', room);
    const panel = await region('Schedules and triggers');
    await user.click(panel.getByRole('button', { name: 'Add' }));
    expect(await screen.findByRole('radio', { name: 'Repeatedly' })).toHaveFocus();
    return { room, user, form: within(await screen.findByRole('form', { name: 'New trigger' })), panel };
  };

  it('run it by the clock, again and again', async () => {
    const { room, user, form, panel } = await opened();
    expect(form.getByLabelText(/^In crontab notation/)).toHaveValue('0 8 * * MON-FRI');
    await expectAccessible();
    await user.type(form.getByLabelText('Title'), 'Morning run');
    await user.click(form.getByRole('button', { name: 'Create' }));

    expect(await panel.findByText('Morning run')).toBeVisible();
    const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    expect(panel.getByText(`At 08:00 on weekdays (${timezone})`, { exact: false })).toBeVisible();
    expect(room.asked).toEqual([
      {
        path: '/triggers',
        body: {
          workflow_id: 'w-1',
          title: 'Morning run',
          input: { number: 'INV-2291', amount: 1200 },
          schedule: { cron: '0 8 * * MON-FRI', timezone },
        },
      },
    ]);
  });

  it('run it once at a moment', async () => {
    const { room, user, form } = await opened();
    await user.click(form.getByRole('radio', { name: 'Once' }));
    expect(form.getByRole('button', { name: 'Create' })).toBeDisabled();
    fireEvent.change(form.getByLabelText(/^When/), { target: { value: '2099-01-04T08:00' } });
    await user.click(form.getByRole('button', { name: 'Create' }));
    await waitFor(() => expect(room.asked[0]?.body).toMatchObject({ schedule: { at: '2099-01-04T08:00' } }));
  });

  it('run it after an event', async () => {
    const { room, user, form } = await opened();
    await user.click(form.getByRole('radio', { name: 'After an event' }));
    expect(form.getByText(/"\$\{event\.data\.workflow_name\}"/)).toBeVisible();
    const only = form.getByLabelText('Only when, as JSON');
    await user.clear(only);
    await user.click(only);
    await user.paste('{"status": ["failed"]}');
    await user.click(form.getByRole('button', { name: 'Create' }));
    await waitFor(() =>
      expect(room.asked[0]?.body).toMatchObject({
        event: { type: 'workflow.completed', match: { status: ['failed'] } },
      }),
    );
  });

  it('are refused at the field that is wrong', async () => {
    const room = new FakeWorkflows({ workflows: [workflow()] });
    room.refusal = problem(422, 'invalid_input', 'One field is wrong.', {
      errors: [{ field: 'schedule.cron', message: 'the hour 25 does not exist' }],
    });
    const { user, form } = await opened(room);
    await user.click(form.getByRole('button', { name: 'Create' }));
    expect(await form.findByText('the hour 25 does not exist')).toBeVisible();
    expect(form.getByLabelText(/^In crontab notation/)).toBeInvalid();
  });

  it('are paused, resumed and deleted', async () => {
    const last_error = { code: 'invalid_input', message: 'input.number is missing.', at: '2026-03-04T09:30:00Z' };
    const room = new FakeWorkflows({ workflows: [workflow()], triggers: [trigger({ last_error })] });
    const { user } = open('/workflows/w-1', room);
    const panel = await region('Schedules and triggers');
    expect(await panel.findByText(/input\.number is missing/)).toBeVisible();
    await user.click(panel.getByRole('button', { name: 'Pause Morning run' }));
    await user.click(await panel.findByRole('button', { name: 'Resume Morning run' }));
    expect(await panel.findByText('Active')).toBeVisible();

    await user.click(panel.getByRole('button', { name: 'Delete Morning run' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Delete this trigger?' }));
    await user.click(dialog.getByRole('button', { name: 'Delete' }));
    expect(await panel.findByText(/^None yet/)).toBeVisible();
    expect(room.asked.map(({ path }) => path)).toEqual([
      '/triggers/t-1/pause',
      '/triggers/t-1/resume',
      '/triggers/t-1',
    ]);
  });
});
