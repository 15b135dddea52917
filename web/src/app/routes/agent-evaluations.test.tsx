import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';

import type { components } from '@/lib/api/schema';
import { agentInfo } from '@/testing/definitions';
import { catalogueHandlers, executionHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderAppSignedIn } from '@/testing/render-app';
import { server } from '@/testing/server';

type Evaluation = components['schemas']['Evaluation'];

const MATCHER = agentInfo('finance-accounting/three-way-match-checker');
const FINISHED: Evaluation = {
  id: 'evaluation-1',
  agent_id: MATCHER.id,
  agent_version: '1.0.0',
  status: 'finished',
  judge: true,
  provider: 'anthropic',
  cases: 2,
  passed: 1,
  cost_usd: 0.042,
  started_at: '2026-03-31T12:00:00Z',
  finished_at: '2026-03-31T12:01:00Z',
  error: null,
  results: [
    {
      case: 'example',
      why: 'The answer that the agent’s author shows to everybody.',
      passed: true,
      execution_id: 'execution-1',
      cached: false,
      checks: [{ kind: 'schema', wanted: 'matches the output schema', passed: true, found: null }],
      verdict: { verdict: 'equivalent', reason: 'The same sum.', execution_id: 'execution-3' },
      unjudged: null,
      error: null,
      cost_usd: 0.01,
      duration_ms: 1200,
    },
    {
      case: 'nothing-received',
      why: 'Goods that never arrived are paid for.',
      passed: false,
      execution_id: 'execution-2',
      cached: false,
      checks: [
        { kind: 'schema', wanted: 'matches the output schema', passed: true, found: null },
        { kind: 'expected', wanted: 'payable_amount = 0 ± 0', passed: false, found: '789.0' },
      ],
      verdict: null,
      unjudged: 'Claude is busy.',
      error: null,
      cost_usd: 0.01,
      duration_ms: 1200,
    },
  ],
};

function open(evaluations: Evaluation[] = [], versions = ['1.0.0']) {
  const identity = new FakeIdentity();
  const asked: unknown[] = [];
  const kept = [...evaluations];
  server.use(
    http.get('*/api/v1/evaluations', () => HttpResponse.json({ items: kept, next_cursor: null })),
    http.get('*/api/v1/evaluations/:id', ({ params }) => {
      const found = kept.find(({ id }) => id === params['id']);
      return found ? HttpResponse.json(found) : problem(404, 'evaluation_not_found', 'Evaluation not found');
    }),
    http.post('*/api/v1/evaluations', async ({ request }) => {
      asked.push(await request.json());
      const begun = { ...FINISHED, id: 'evaluation-2', status: 'running' as const, cases: 0, passed: 0, results: [] };
      kept.unshift(begun);
      return HttpResponse.json(begun, { status: 202 });
    }),
    http.get('*/api/v1/agents/:group/:name/versions', () =>
      HttpResponse.json({
        current: '1.0.0',
        items: versions.map((version) => ({ version, published_at: '2026-03-31T12:00:00Z' })),
      }),
    ),
    ...catalogueHandlers(identity, [MATCHER]),
    ...executionHandlers(identity, [MATCHER], [], [], []),
  );
  return { asked, kept, ...renderAppSignedIn(`/agents/${MATCHER.id}`, identity) };
}

const panel = async () => within(await screen.findByRole('region', { name: 'Evaluations' }));

describe('the evaluations of an agent', () => {
  it('shows of the latest which cases passed, and what the others had instead', async () => {
    open([FINISHED]);

    const shown = await panel();
    expect(await shown.findByText('1 of 2 passed')).toBeVisible();
    expect(await shown.findByText('payable_amount = 0 ± 0')).toBeVisible();
    expect(shown.getByText('789.0')).toBeVisible();
    expect(shown.getByText('The judge: equivalent. The same sum.')).toBeVisible();
    expect(shown.getByText('Not judged: Claude is busy.')).toBeVisible();
    expect(shown.getByRole('link', { name: 'Nothing received' })).toHaveAttribute('href', '/executions/execution-2');
    await expectAccessible();
  });

  it('says that there is none yet, starts one, and shows it once it is over', async () => {
    const { asked, kept, user } = open();
    const shown = await panel();
    expect(await shown.findByText('Nobody has evaluated this agent yet', { exact: false })).toBeVisible();

    await user.click(shown.getByRole('checkbox', { name: 'With a judge' }));
    await user.click(shown.getByRole('button', { name: 'Evaluate' }));

    expect(await shown.findByText('Running')).toBeVisible();
    expect(asked).toEqual([{ agent_id: MATCHER.id, version: null, judge: true }]);
    kept[0] = { ...FINISHED, id: 'evaluation-2' };
    await waitFor(() => expect(shown.getByText('1 of 2 passed')).toBeVisible(), { timeout: 5_000 });
  });

  it('evaluates an older version', async () => {
    const { asked, user } = open([], ['1.0.0', '0.9.0']);
    const shown = await panel();

    await user.selectOptions(await shown.findByRole('combobox', { name: 'Version to evaluate' }), '0.9.0');
    await user.click(shown.getByRole('button', { name: 'Evaluate' }));

    await waitFor(() => expect(asked).toEqual([{ agent_id: MATCHER.id, version: '0.9.0', judge: false }]));
  });

  it('tells why one could not be started, and what came of one that was not carried out', async () => {
    const broken = { code: 'interrupted', message: 'The evaluation was interrupted. Start another one.' };
    const { user } = open([{ ...FINISHED, status: 'failed', results: [], error: broken }]);
    const shown = await panel();
    expect(await shown.findByText(broken.message)).toBeVisible();

    server.use(http.post('*/api/v1/evaluations', () => problem(403, 'forbidden', 'Forbidden')));
    await user.click(shown.getByRole('button', { name: 'Evaluate' }));

    expect(await shown.findByText('It was not evaluated')).toBeVisible();
  });
});
