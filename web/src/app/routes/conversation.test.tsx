import { screen, waitFor, within } from '@testing-library/react';
import { delay, http } from 'msw';
import { describe, expect, it } from 'vitest';

import { agentInfo } from '@/testing/definitions';
import {
  catalogueHandlers,
  conversationHandlers,
  type Execution,
  execution,
  executionHandlers,
  FakeIdentity,
  problem,
  type Received,
  session,
} from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

const ISOLATOR = agentInfo('it-service-desk/remote-access-failure-isolator');
const REPORT = String(ISOLATOR.example.input['report']);
const EXECUTE = '*/api/v1/agents/:group/:name/execute';

function platform({ hasTurn = true } = {}) {
  const identity = new FakeIdentity();
  const records: Execution[] = hasTurn ? [execution(ISOLATOR, { id: 'e-0', session_id: 's-0' })] : [];
  const sessions = [session(ISOLATOR.id)];
  const requests: Received[] = [];
  server.use(
    ...catalogueHandlers(identity, [ISOLATOR]),
    ...executionHandlers(identity, [ISOLATOR], [], records, requests),
    ...conversationHandlers(identity, sessions, records),
  );
  return { identity, records, sessions, requests };
}

function open(options = {}) {
  const fakes = platform(options);
  return { ...fakes, ...renderAppSignedIn(`/agents/${ISOLATOR.id}/conversations/s-0`, fakes.identity) };
}

const log = () => screen.findByRole('log', { name: 'Turns' });
const turns = async () => within(await log()).queryAllByRole('link', { name: /^Open the record of turn/ });
const form = async () => within(await screen.findByRole('region', { name: 'Your turn' }));

describe('an agent that remembers', () => {
  it('offers a conversation on its page, and the latest ones', async () => {
    const { identity } = platform();
    const { router, user } = renderAppSignedIn(`/agents/${ISOLATOR.id}`, identity);

    expect(await screen.findByRole('link', { name: /^Error 809 at home/ })).toHaveAttribute(
      'href',
      `/agents/${ISOLATOR.id}/conversations/s-0`,
    );
    await expectAccessible();

    await user.click(screen.getByRole('button', { name: 'Start a conversation' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'New conversation' })).toBeVisible();
    expect(router.state.location.pathname).toBe(`/agents/${ISOLATOR.id}/conversations/s-2`);
    expect(await screen.findByText(/^Nothing was said yet\./)).toBeVisible();
  });
});

describe('a conversation', () => {
  it('shows what was asked in short, the answer laid out for reading, and the others', async () => {
    open();

    expect(within(await log()).getAllByText(REPORT)[0]).toBeVisible();
    expect(within(await log()).getByText('Test needed')).toBeVisible();
    expect(screen.getByRole('link', { name: 'Open the record of turn 1' })).toHaveAttribute('href', '/executions/e-0');
    const others = within(screen.getByRole('navigation', { name: 'Your conversations' }));
    expect(others.getByRole('link', { name: /^Error 809 at home/ })).toHaveAttribute('aria-current', 'page');
    expect(screen.getByText('Kept until 2 Jun 2026, longer if you go on.')).toBeVisible();
    expect(await screen.findByText(/^Answered by the offline model/)).toBeVisible();
    await expectAccessible();
  });

  it('begins with the agent’s example, and each further turn with what is to be said anew', async () => {
    const { requests, user } = open({ hasTurn: false });
    await user.click((await form()).getByRole('button', { name: 'Send' }));

    await waitFor(async () => expect(await turns()).toHaveLength(1));
    expect(requests[0]).toMatchObject({ input: ISOLATOR.example.input, sessionId: 's-0' });
    const report = await (await form()).findByLabelText(/^Report/);
    expect(report).toHaveValue('');

    await user.type(report, 'Resolves alike on both networks.');
    await user.click((await form()).getByRole('button', { name: 'Send' }));
    await waitFor(async () => expect(await turns()).toHaveLength(2));
    expect(requests[1]).toMatchObject({ input: { report: 'Resolves alike on both networks.' }, sessionId: 's-0' });
    expect(within(await log()).getByText('Resolves alike on both networks.')).toBeVisible();
  });

  it('shows the turn that is being answered', async () => {
    const { user } = open();
    server.use(http.post(EXECUTE, () => delay('infinite')));
    await user.type(await (await form()).findByLabelText(/^Report/), 'Still error 809.');
    await user.click((await form()).getByRole('button', { name: 'Send' }));

    expect(await screen.findByRole('timer', { name: /^Running for/ })).toBeVisible();
    expect(screen.getAllByText('Still error 809.')[0]).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Stop waiting' }));
    expect((await form()).getByLabelText(/^Report/)).toHaveValue('Still error 809.');
  });

  it('that is busy says so kindly, keeps what was typed, and sends it when it is free', async () => {
    const { user } = open();
    server.use(
      http.post(
        EXECUTE,
        () => {
          const answer = problem(409, 'session_busy', 'Another turn of this conversation is running.');
          answer.headers.set('retry-after', '1');
          return answer;
        },
        { once: true },
      ),
    );
    await user.type(await (await form()).findByLabelText(/^Report/), 'Still error 809.');
    await user.click((await form()).getByRole('button', { name: 'Send' }));

    expect(await screen.findByRole('alert')).toHaveTextContent('The conversation is busy');
    expect((await form()).getByLabelText(/^Report/)).toHaveValue('Still error 809.');
    await user.click(await screen.findByRole('button', { name: 'Try again' }));
    await waitFor(async () => expect(await turns()).toHaveLength(2));
  });

  it('is deleted only after asking, and leads back to the agent', async () => {
    const { sessions, router, user } = open();
    await user.click(await screen.findByRole('button', { name: 'Delete the conversation' }));
    await user.click(await screen.findByRole('button', { name: 'Keep it' }));
    expect(sessions).toHaveLength(1);

    await user.click(screen.getByRole('button', { name: 'Delete the conversation' }));
    await user.click(await screen.findByRole('button', { name: 'Delete' }));
    expect(await screen.findByRole('heading', { level: 1, name: ISOLATOR.name })).toBeVisible();
    expect(router.state.location.pathname).toBe(`/agents/${ISOLATOR.id}`);
    expect(sessions).toEqual([]);
  });

  it('that is gone says so', async () => {
    const { identity } = platform();
    renderAppSignedIn(`/agents/${ISOLATOR.id}/conversations/s-9`, identity);
    expect(await screen.findByRole('heading', { level: 1, name: 'There is no such conversation' })).toBeVisible();
  });
});
