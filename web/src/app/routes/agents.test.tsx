import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';

import { agentInfo } from '@/testing/definitions';
import { catalogueHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

const MATCHER = agentInfo('finance-accounting/three-way-match-checker');
const TRIAGER = agentInfo('cybersecurity/phishing-report-triager');
const ANALYST = agentInfo('investment/brinson-attribution-analyst');
const AGENTS = [MATCHER, TRIAGER, ANALYST];

function open(address = '/', pageSize?: number) {
  const identity = new FakeIdentity();
  server.use(...identity.handlers(), ...catalogueHandlers(identity, AGENTS, pageSize));
  return renderAppSignedIn(address, identity);
}

const shownAgents = () => screen.queryAllByRole('heading', { level: 2 }).map((heading) => heading.textContent);

describe('the catalogue', () => {
  it('shows every agent with its group, summary and tags, each leading to its page', async () => {
    open();

    const link = await screen.findByRole('link', { name: MATCHER.name });
    expect(link).toHaveAttribute('href', `/agents/${MATCHER.id}`);
    const card = within(screen.getAllByRole('article')[0] as HTMLElement);
    expect(card.getByText('finance & accounting')).toBeVisible();
    expect(card.getByText(MATCHER.summary)).toBeVisible();
    expect(card.getByText('accounts payable · controls · reconciliation')).toBeVisible();
    expect(shownAgents()).toEqual(AGENTS.map((agent) => agent.name));
    expect(screen.getByText('3 agents')).toBeVisible();
    await expectAccessible();
  });

  it('is searched while typing, and the address keeps the words', async () => {
    const { router, user } = open();
    await screen.findByRole('link', { name: MATCHER.name });

    await user.type(screen.getByRole('searchbox', { name: 'Search agents' }), 'phishing');

    await waitFor(() => expect(shownAgents()).toEqual([TRIAGER.name]));
    expect(screen.getByText('1 agent for “phishing”')).toBeVisible();
    expect(router.state.location.search).toMatchObject({ q: 'phishing' });
  });

  it('opens as the address says, a search for a number included', async () => {
    open('/?q=8&tag=email-security');

    expect(await screen.findByText('No agent matches')).toBeVisible();
    expect(screen.getByRole('searchbox')).toHaveValue('8');
    expect(screen.getByRole('combobox', { name: 'Tag' })).toHaveValue('Email security (0)');
  });

  it('says what to do when nothing matches, and goes back to everything', async () => {
    const { user } = open('/?q=unicorn');

    await user.click(await screen.findByRole('button', { name: 'Clear search and filters' }));

    await waitFor(() => expect(shownAgents()).toHaveLength(3));
    expect(screen.getByRole('searchbox')).toHaveValue('');
  });

  it('is narrowed by group and by tag, both kept in the address', async () => {
    const { router, user } = open('/?q=report');
    await waitFor(() => expect(shownAgents()).toEqual([TRIAGER.name]));

    const groups = within(screen.getByRole('navigation', { name: 'Groups of agents' }));
    await user.click(await groups.findByRole('link', { name: /investment/ }));
    await waitFor(() => expect(shownAgents()).toEqual([]));
    expect(router.state.location.search).toMatchObject({ q: 'report', group: 'investment' });

    await user.click(screen.getByRole('button', { name: 'Clear search' }));
    await user.click(screen.getByRole('combobox', { name: 'Tag' }));
    await user.click(await screen.findByRole('option', { name: 'Benchmarking (1)', hidden: true }));
    await waitFor(() => expect(shownAgents()).toEqual([ANALYST.name]));
    expect(router.state.location.search).toMatchObject({ group: 'investment', tag: 'benchmarking' });
  });

  it('counts what each choice would leave, and narrows by model tier', async () => {
    const { router, user } = open('/?q=report');
    await waitFor(() => expect(shownAgents()).toEqual([TRIAGER.name]));

    const groups = within(screen.getByRole('navigation', { name: 'Groups of agents' }));
    expect(groups.getByRole('link', { name: /^All groups/ })).toHaveTextContent('1');
    expect(groups.getByRole('link', { name: /^investment/ })).toHaveTextContent('0');

    await user.click(screen.getByRole('combobox', { name: 'Model tier' }));
    await user.click(await screen.findByRole('option', { name: 'Balanced (1)', hidden: true }));
    expect(router.state.location.search).toMatchObject({ q: 'report', model: 'balanced' });
  });

  it('says whose task it is that somebody describes, and why', async () => {
    const ask = MATCHER.use_when.split(' ').slice(0, 5).join(' ');
    open(`/?q=${encodeURIComponent(ask)}`);

    const advice = within(await screen.findByRole('complementary', { name: 'Advice' }));
    expect(advice.getByText(/For this, use/)).toBeVisible();
    expect(advice.getByRole('link', { name: MATCHER.name })).toHaveAttribute('href', `/agents/${MATCHER.id}`);
    expect(advice.getByText(/Its nearest known task/)).toBeVisible();
    await expectAccessible();
  });

  it('says honestly that no agent does what is described', async () => {
    open(`/?q=${encodeURIComponent('fold my paper boat')}`);
    const advice = within(await screen.findByRole('complementary', { name: 'Advice' }));
    expect(advice.getByText('No agent does quite this')).toBeVisible();
  });

  it('has Claude choose when asked to, and shows why and in which execution', async () => {
    const ask = MATCHER.use_when.split(' ').slice(0, 5).join(' ');
    const { user } = open(`/?q=${encodeURIComponent(ask)}`);
    const advice = within(await screen.findByRole('complementary', { name: 'Advice' }));

    await user.click(advice.getByRole('button', { name: /Let Claude choose/ }));

    expect(await advice.findByText(/Claude chose/)).toHaveTextContent(`Claude chose ${MATCHER.name}`);
    expect(advice.getByText(/It wants a verdict/)).toBeVisible();
    expect(advice.getByRole('link', { name: 'Its execution' })).toHaveAttribute('href', '/executions/chosen-in');
    expect(advice.queryByRole('button', { name: /Let Claude choose/ })).not.toBeInTheDocument();
    await expectAccessible();
  });

  it('does not give the example answer of the offline model for a choice of Claude', async () => {
    const identity = new FakeIdentity();
    server.use(
      http.post('*/api/v1/agents/route', async ({ request }) => {
        const { choose } = (await request.clone().json()) as { choose: boolean };
        if (!choose) return undefined;
        return HttpResponse.json({
          fits: true,
          floor: 0.5,
          agents: [{ agent: MATCHER, score: 0.2, reason: 'Near.' }],
          choice: { agent_id: MATCHER.id, reason: 'As in the example.', execution_id: 'e1', provider: 'offline' },
        });
      }),
      ...catalogueHandlers(identity, AGENTS),
    );
    const { user } = renderAppSignedIn(`/?q=${encodeURIComponent('fold my paper boat')}`, identity);

    await user.click(await screen.findByRole('button', { name: /Let Claude choose/ }));

    expect(await screen.findByText(/The offline model chose/)).toBeVisible();
    expect(screen.queryByText(/As in the example/)).not.toBeInTheDocument();
  });

  it('says what kept Claude from choosing, and lets one try again', async () => {
    const identity = new FakeIdentity();
    server.use(
      http.post('*/api/v1/agents/route', async ({ request }) => {
        const { choose } = (await request.clone().json()) as { choose: boolean };
        return choose ? problem(402, 'budget_exceeded', 'Your budget of this month is spent.') : undefined;
      }),
      ...catalogueHandlers(identity, AGENTS),
    );
    const { user } = renderAppSignedIn(`/?q=${encodeURIComponent('fold my paper boat')}`, identity);

    await user.click(await screen.findByRole('button', { name: /Let Claude choose/ }));

    expect(await screen.findByRole('alert')).toHaveTextContent('Your budget of this month is spent.');
    expect(screen.getByRole('button', { name: /Let Claude choose/ })).toBeEnabled();
  });

  it('gives no advice on a name or a word or two', async () => {
    open('/?q=phishing report');
    await waitFor(() => expect(shownAgents()).toEqual([TRIAGER.name]));
    expect(screen.queryByRole('complementary', { name: 'Advice' })).not.toBeInTheDocument();
  });

  it('loads the next page on demand, until there is none', async () => {
    const { user } = open('/', 2);
    await screen.findByText('2 of 3');

    await user.click(screen.getByRole('button', { name: 'Show more' }));

    await waitFor(() => expect(shownAgents()).toHaveLength(3));
    expect(screen.queryByRole('button', { name: 'Show more' })).not.toBeInTheDocument();
  });

  it('explains a failure and tries again', async () => {
    let failures = 0;
    const identity = new FakeIdentity();
    server.use(
      http.get('*/api/v1/agents', () => {
        failures += 1;
        return failures <= 3 ? problem(503, 'storage_unavailable', 'The catalogue does not answer.') : undefined;
      }),
      ...catalogueHandlers(identity, AGENTS),
    );
    const { user } = renderAppSignedIn('/', identity);

    expect(await screen.findByRole('alert')).toHaveTextContent('The catalogue does not answer.');
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('link', { name: MATCHER.name })).toBeVisible();
  });

  it('has a page of its own for addresses that do not exist', async () => {
    open('/no/such/page');
    expect(await screen.findByRole('heading', { level: 1, name: 'This page does not exist' })).toBeVisible();
    expect(screen.getByRole('link', { name: 'Back to the agents' })).toHaveAttribute('href', '/');
  });
});
