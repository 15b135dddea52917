import { screen, waitFor, within } from '@testing-library/react';
import { delay, http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';

import { agentInfo } from '@/testing/definitions';
import {
  BUDGET,
  catalogueHandlers,
  type Execution,
  execution,
  executionHandlers,
  FakeIdentity,
  problem,
  type Received,
} from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

const MATCHER = agentInfo('finance-accounting/three-way-match-checker');
const TRIAGER = agentInfo('cybersecurity/phishing-report-triager');
const EXECUTE = '*/api/v1/agents/:group/:name/execute';

function open(agent = MATCHER, catalogue = [MATCHER, TRIAGER]) {
  const identity = new FakeIdentity();
  const received: unknown[] = [];
  const records: Execution[] = [];
  const requests: Received[] = [];
  server.use(
    ...catalogueHandlers(identity, catalogue),
    ...executionHandlers(identity, catalogue, received, records, requests),
  );
  return { received, records, requests, identity, ...renderAppSignedIn(`/agents/${agent.id}`, identity) };
}

const run = () => screen.findByRole('button', { name: 'Run' });
const output = () => within(screen.getByRole('region', { name: 'Output' }));

describe('the page of an agent', () => {
  it('says what it is for, what it is not for, and what it works with', async () => {
    open();

    expect(await screen.findByRole('heading', { level: 1, name: MATCHER.name })).toBeVisible();
    expect(screen.getByText(MATCHER.use_when)).toBeVisible();
    expect(screen.getByText(MATCHER.not_when[0]?.ask ?? '', { exact: false })).toBeVisible();
    expect(screen.getByText('Uses calculator')).toBeVisible();
    expect(screen.getByText('Balanced')).toBeVisible();
    expect(screen.getByRole('link', { name: 'Accounts payable' })).toHaveAttribute('href', '/?tag=accounts-payable');
    await expectAccessible();
  });

  it('links to the agent that suits better only if the catalogue holds it', async () => {
    const other = {
      ...TRIAGER,
      id: MATCHER.not_when[0]?.instead ?? '',
      group: 'finance-accounting',
      name: 'The Other',
    };
    open(MATCHER, [MATCHER, other]);
    expect(await screen.findByRole('link', { name: 'Use The Other' })).toHaveAttribute('href', `/agents/${other.id}`);
  });

  it('names no agent that the catalogue does not hold', async () => {
    open();
    await screen.findByText(MATCHER.not_when[0]?.ask ?? '', { exact: false });
    await run();
    expect(screen.queryByRole('link', { name: /^Use / })).not.toBeInTheDocument();
  });

  it('says that there is no such agent', async () => {
    open({ ...MATCHER, id: 'finance-accounting/fortune-teller' });
    expect(await screen.findByRole('heading', { level: 1, name: 'There is no such agent' })).toBeVisible();
  });
});

describe('trying an agent', () => {
  it('sends the example as it is, and shows the answer with its cost', async () => {
    const { received, user } = open();

    await user.click(await run());

    expect(await screen.findByText('Pay part')).toBeVisible();
    expect(received).toEqual([MATCHER.example.input]);
    expect(output().getByText('789')).toBeVisible();
    expect(output().getByText('Ask Norpack', { exact: false })).toBeVisible();
    expect(output().getByText('Cost, not charged')).toBeVisible();
    expect(output().getByText('$0.0117')).toBeVisible();
    expect(output().getByText('1.2 s')).toBeVisible();
    expect(output().getByText('1,832 in · 412 out')).toBeVisible();
    expect(output().getByText('claude-sonnet-5')).toBeVisible();
    expect(output().getByRole('link', { name: 'Open record' })).toHaveAttribute(
      'href',
      expect.stringMatching(/^\/executions\//),
    );
    await expectAccessible();
  });

  it('says when no real model was asked', async () => {
    const { user } = open();
    await user.click(await run());
    expect(await screen.findByRole('note')).toHaveTextContent(
      'Answered by the offline model: this is the agent’s example answer, no real model was asked.',
    );
  });

  it('says nothing of an offline model when a real one answered', async () => {
    const { user } = open();
    server.use(http.post(EXECUTE, () => HttpResponse.json(execution(MATCHER, { provider: 'anthropic' }))));
    await user.click(await run());
    expect(await output().findByText('$0.0117')).toBeVisible();
    expect(output().getByText('Cost')).toBeVisible();
    expect(screen.queryByRole('note')).not.toBeInTheDocument();
  });

  it('sends what was changed, and leaves out what was emptied', async () => {
    const { received, user } = open();
    const quantity = (await screen.findAllByLabelText('Quantity, line 1'))[0] as HTMLElement;

    await user.clear(quantity);
    await user.type(quantity, '480');
    await user.clear(screen.getAllByLabelText('Freight')[0] as HTMLElement);
    await user.click(screen.getByRole('button', { name: 'Remove tolerances' }));
    await user.click(screen.getByRole('button', { name: 'Add paid invoice' }));
    await user.type(screen.getByLabelText('Paid invoice 1'), 'Norpack AS|INV-2250|2026-02-01|790.00');
    await user.click(await run());

    await waitFor(() => expect(received).toHaveLength(1));
    const expected = structuredClone(MATCHER.example.input) as Record<string, Record<string, unknown> & unknown[]>;
    delete expected['invoice']?.['freight'];
    ((expected['invoice']?.['lines'] as { quantity: number }[])[0] ?? { quantity: 0 }).quantity = 480;
    delete expected['tolerances'];
    expect(received[0]).toEqual({ ...expected, paid_invoices: ['Norpack AS|INV-2250|2026-02-01|790.00'] });
  });

  it('asks for what is missing before it sends anything', async () => {
    const { received, user } = open();
    const supplier = (await screen.findAllByLabelText(/^Supplier/))[0] as HTMLElement;
    await user.clear(supplier);

    await user.click(await run());

    expect(screen.getByRole('alert')).toHaveTextContent('Invoice, supplier: This is needed');
    expect(screen.getByRole('alert')).toHaveFocus();
    expect(supplier).toBeInvalid();
    expect(received).toEqual([]);

    await user.click(screen.getByRole('button', { name: 'Invoice, supplier:' }));
    expect(supplier).toHaveFocus();
  });

  it('shows the faults that the API finds at their fields, and forgets each once its field is changed', async () => {
    const { user } = open();
    server.use(
      http.post(EXECUTE, () =>
        problem(422, 'invalid_input', 'The input does not fit.', {
          errors: [
            { field: 'input.invoice.lines.1.quantity', message: '"ten" is not of type "number"' },
            { field: 'input.purchase_order', message: '"number" is a required property' },
          ],
        }),
      ),
    );
    await user.click(await run());

    const summary = await screen.findByRole('alert');
    expect(summary).toHaveTextContent('Invoice, line 2, quantity: "ten" is not of type "number"');
    expect(summary).toHaveTextContent('Purchase order, number: This is needed');
    expect(screen.getAllByLabelText('Quantity, line 2')[0]).toBeInvalid();
    expect(screen.getAllByLabelText(/^Number/)[1]).toBeInvalid();

    await user.type(screen.getAllByLabelText('Quantity, line 2')[0] as HTMLElement, '1');
    expect(screen.getByRole('alert')).not.toHaveTextContent('line 2');
    expect(screen.getByRole('alert')).toHaveTextContent('Purchase order, number: This is needed');
  });

  it('takes the input as JSON as well, and refuses what is not JSON', async () => {
    const { received, user } = open(TRIAGER);
    await run();
    await user.click(screen.getByRole('radio', { name: 'JSON' }));
    const editor = screen.getByRole('textbox', { name: 'Input as JSON' });

    await user.clear(editor);
    await user.click(editor);
    await user.paste('{"raw_message": ');
    expect(screen.getByText('This is not JSON yet.')).toBeVisible();
    expect(await run()).toBeDisabled();

    await user.paste('"Hello"}');
    await user.click(await run());
    await waitFor(() => expect(received).toEqual([{ raw_message: 'Hello' }]));
  });

  it('counts the seconds of a slow run, and can stop waiting', async () => {
    const { user } = open();
    server.use(http.post(EXECUTE, () => delay('infinite')));
    await user.click(await run());

    expect(await screen.findByRole('timer', { name: 'Running for 1 seconds' })).toHaveTextContent('1 s');
    await user.click(screen.getByRole('button', { name: 'Stop waiting' }));
    expect(await screen.findByText('Example')).toBeVisible();
    expect(await run()).toBeEnabled();
  });

  it('sends each run under a key of its own, and an unheard one under the same key again', async () => {
    const { requests, user } = open();
    await user.click(await run());
    await screen.findByText('Pay part');
    await user.click(await run());
    await waitFor(() => expect(requests).toHaveLength(2));
    await screen.findByText('Pay part');
    expect(requests[0]?.key).toMatch(/^[0-9a-f-]{36}$/);
    expect(requests[1]?.key).not.toBe(requests[0]?.key);

    const lost: (string | null)[] = [];
    server.use(
      http.post(
        EXECUTE,
        ({ request }) => {
          lost.push(request.headers.get('idempotency-key'));
          return Response.error();
        },
        { once: true },
      ),
    );
    await user.click(await run());
    expect(await screen.findByRole('link', { name: 'Look under Executions' })).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByText('Pay part')).toBeVisible();
    expect(requests[2]?.key).toBe(lost[0]);
  });

  it('explains why there is no answer, and leads to the record of the attempt', async () => {
    const { user } = open();
    server.use(
      http.post(EXECUTE, () =>
        problem(503, 'model_overloaded', 'The model is overloaded: try again in a minute.', { execution_id: 'e-1' }),
      ),
    );
    await user.click(await run());

    expect(await screen.findByRole('alert')).toHaveTextContent('The model is overloaded: try again in a minute.');
    expect(screen.getByRole('link', { name: 'Open record' })).toHaveAttribute('href', '/executions/e-1');
  });

  it('explains the silence of a gateway that gave up, although it speaks another language', async () => {
    const { user } = open();
    server.use(http.post(EXECUTE, () => HttpResponse.json({ message: 'Endpoint request timed out' }, { status: 504 })));
    await user.click(await run());

    expect(await screen.findByRole('alert')).toHaveTextContent(
      'The gateway stopped waiting. The work may still finish',
    );
    expect(screen.getByRole('link', { name: 'Look under Executions' })).toBeVisible();
  });

  it('shows the answer as JSON on demand, and copies it', async () => {
    const { user } = open();
    await user.click(await run());
    await screen.findByText('Pay part');

    await user.click(output().getByRole('radio', { name: 'JSON' }));
    expect(output().getByLabelText('Output as JSON')).toHaveTextContent('"decision": "pay_part"');

    await user.click(output().getByRole('button', { name: 'Copy the output as JSON' }));
    expect(JSON.parse(await navigator.clipboard.readText())).toEqual(MATCHER.example.output);
  });
});

describe('a run in the background', () => {
  it('leads to its record, which shows it waiting, running and answered without a reload', async () => {
    const { records, router, user } = open();
    await user.click(await screen.findByRole('button', { name: 'Run in background' }));

    expect(await screen.findByRole('timer', { name: /^Queued for \d+ seconds$/ })).toBeVisible();
    expect(router.state.location.pathname).toBe(`/executions/${records[0]?.id ?? ''}`);
    expect(screen.getByText('Queued')).toBeVisible();
    expect(screen.getByText('You may leave this page', { exact: false })).toBeVisible();
    await expectAccessible();

    records[0] = { ...(records[0] as Execution), status: 'running' };
    expect(await screen.findByRole('timer', { name: /^Running for \d+ seconds$/ })).toBeVisible();

    records[0] = execution(MATCHER, { id: records[0].id });
    expect(await screen.findByText('Pay part')).toBeVisible();
    expect(output().getByText('$0.0117')).toBeVisible();
    expect(screen.queryByRole('timer')).not.toBeInTheDocument();
    expect(screen.queryByRole('button', { name: 'Cancel the run' })).not.toBeInTheDocument();
  });

  it('can be cancelled while it is not over', async () => {
    const { user } = open();
    await user.click(await screen.findByRole('button', { name: 'Run in background' }));
    await user.click(await screen.findByRole('button', { name: 'Cancel the run' }));

    expect(await screen.findByRole('alert')).toHaveTextContent('It was ended before it had an answer.');
    expect(screen.getAllByText('Cancelled')[0]).toBeVisible();
    expect(screen.queryByRole('timer')).not.toBeInTheDocument();
  });

  it('that ended just before it was to be cancelled shows its answer', async () => {
    const { records, user } = open();
    await user.click(await screen.findByRole('button', { name: 'Run in background' }));
    const cancel = await screen.findByRole('button', { name: 'Cancel the run' });
    records[0] = execution(MATCHER, { id: records[0]?.id ?? '' });
    await user.click(cancel);
    expect(await screen.findByText('Pay part')).toBeVisible();
  });

  it('that is not accepted says why on the page of the agent', async () => {
    const { user } = open();
    server.use(http.post(EXECUTE, () => problem(503, 'storage_unavailable', 'A table does not answer.')));
    await user.click(await screen.findByRole('button', { name: 'Run in background' }));
    expect(await screen.findByRole('alert')).toHaveTextContent('A table does not answer.');
  });
});

describe('a refusal', () => {
  const refuse = (status: number, code: string, detail: string, headers: Record<string, string> = {}) =>
    server.use(
      http.post(EXECUTE, () => {
        const answer = problem(status, code, detail);
        for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
        return answer;
      }),
    );

  it('for too many runs counts down until the next one can be started', async () => {
    const { received, user } = open();
    const button = await run();
    refuse(429, 'rate_limited', 'At most 2 runs a minute.', { 'retry-after': '2' });
    await user.click(button);

    expect(await screen.findByText('Too many runs in a short time')).toBeVisible();
    expect(screen.getByRole('alert')).toHaveTextContent('At most 2 runs a minute.');
    expect(screen.getByRole('button', { name: /^Try again in \d s$/ })).toBeDisabled();

    server.use(...executionHandlers(new FakeIdentity(), []));
    const again = await screen.findByRole('button', { name: 'Try again' });
    expect(again).toBeEnabled();
    refuse(503, 'model_circuit_open', 'The model is suspended for 30 s.', { 'retry-after': '30' });
    await user.click(again);
    expect(await screen.findByRole('alert')).toHaveTextContent('Nothing was sent and nothing was spent.');
    expect(screen.getByRole('button', { name: 'Try again in 30 s' })).toBeDisabled();
    expect(received).toEqual([]);
  });

  it('for want of money shows the budget', async () => {
    const { user } = open();
    const button = await run();
    refuse(402, 'budget_exceeded', 'Of $50.00 a month, $0.01 is left.');
    await user.click(button);

    expect(await screen.findByRole('alert')).toHaveTextContent('The budget has no room for this run');
    const budget = within(await screen.findByRole('region', { name: 'Budget' }));
    expect(await budget.findByText('$12.40', { exact: false })).toHaveTextContent('$12.40 of $50.00');
    expect(screen.queryByRole('button', { name: /^Try again/ })).not.toBeInTheDocument();
  });

  it('by a rule of the agent shows the rule, and leads to the record', async () => {
    const { user } = open();
    const button = await run();
    server.use(
      http.post(EXECUTE, () =>
        problem(422, 'declined_by_rule', 'No legal advice on a named person.', { execution_id: 'e-2' }),
      ),
    );
    await user.click(button);

    expect(await screen.findByRole('alert')).toHaveTextContent('The agent declines this');
    expect(screen.getByRole('alert')).toHaveTextContent('No legal advice on a named person.');
    expect(screen.getByRole('link', { name: 'Open record' })).toHaveAttribute('href', '/executions/e-2');
    await expectAccessible();
  });
});

describe('an agent with colleagues', () => {
  const MEMBERS = [TRIAGER.id, 'finance-accounting/still-to-come'];

  it('shows its team with the way it works and a link to each member in the catalogue', async () => {
    const lead = { ...MATCHER, team: { mode: 'debate' as const, members: MEMBERS, rounds: 3 } };
    open(lead, [lead, TRIAGER]);

    expect(await screen.findByText(/answer again, 3 rounds in all/)).toBeVisible();
    expect(screen.getByRole('img', { name: 'A debate team of 2 agents and this one' })).toBeVisible();
    expect(await screen.findByRole('link', { name: TRIAGER.name })).toHaveAttribute('href', `/agents/${TRIAGER.id}`);
    expect(screen.getByText('Still to come')).toBeVisible();
    await expectAccessible();
  });

  it('names whom it may ask', async () => {
    const asker = { ...MATCHER, consults: [TRIAGER.id] };
    open(asker, [asker, TRIAGER]);
    expect(await screen.findByRole('heading', { name: 'May ask' })).toBeVisible();
    expect(await screen.findByRole('link', { name: TRIAGER.name })).toBeVisible();
  });
});

describe('the budget', () => {
  it('stands in the header of every page as a meter that opens on the figures', async () => {
    const { user } = open();
    await user.click(await screen.findByRole('button', { name: 'Budget: $12.40 of $50.00 spent' }));
    const title = await screen.findByText('Budget for March 2026');
    await waitFor(() => expect(title).toBeVisible());
    expect(screen.getByText('$37.00 left, $0.60 held for runs under way')).toBeVisible();
    expect(screen.getByText('Renewed on 1 Apr 2026')).toBeVisible();
  });

  it('is asked for anew after a run', async () => {
    const { user } = open();
    await screen.findByRole('button', { name: 'Budget: $12.40 of $50.00 spent' });
    server.use(http.get('*/api/v1/me/budget', () => HttpResponse.json({ ...BUDGET, spent_usd: 12.41 })));
    await user.click(await run());
    expect(await screen.findByRole('button', { name: 'Budget: $12.41 of $50.00 spent' })).toBeVisible();
  });

  it('is left out where nobody knows it', async () => {
    open();
    server.use(http.get('*/api/v1/me/budget', () => problem(404, 'route_not_found', 'No such route.')));
    await run();
    expect(screen.queryByRole('button', { name: /^Budget/ })).not.toBeInTheDocument();
  });
});
