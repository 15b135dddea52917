import { screen, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';

import type { components } from '@/lib/api/schema';
import { begin } from '@/lib/session/session';
import { ADA, catalogueHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderApp } from '@/testing/render-app';
import { server } from '@/testing/server';

type Schemas = components['schemas'];

const API = 'http://localhost:3000/api/v1';
const POLICY: Schemas['PolicyView'] = {
  version: 'abc123abc123',
  next_version: null,
  actions: ['agents:execute', 'audit:read', 'workflows:read'],
  roles: [
    { name: 'admin', summary: 'Everything', actions: ['agents:execute', 'audit:read', 'workflows:read'], mine: false },
    { name: 'user', summary: 'Executes agents', actions: ['agents:execute', 'workflows:read'], mine: true },
  ],
};

function explained(asked: Schemas['ExplainRequest']): Schemas['Explanation'] {
  const allowed = asked.action !== 'audit:read';
  return {
    allowed,
    reasons: allowed ? ['Your role `user` allows it.'] : ['It takes the role `admin`; you have `user`.'],
    rules: allowed ? ['role:user'] : ['role'],
    version: POLICY.version,
    checks: [
      { check: 'role', passed: allowed, by: allowed ? ['user'] : [] },
      { check: 'denials', passed: true, by: [] },
    ],
    next: allowed ? { allowed: false, reasons: [], rules: ['denial:x'], version: 'def456def456' } : null,
    user_id: ADA.id,
    roles: ['user'],
    action: asked.action,
    agent_id: asked.agent_id ?? null,
    tags: [],
    cost_usd: null,
  };
}

function open(address = '/policies', roles = ['user']) {
  const identity = new FakeIdentity();
  const asked: Schemas['ExplainRequest'][] = [];
  server.use(
    http.get(`${API}/policy`, ({ request }) => identity.refusal(request) ?? HttpResponse.json(POLICY)),
    http.post(`${API}/policy/explain`, async ({ request }) => {
      const body = (await request.json()) as Schemas['ExplainRequest'];
      asked.push(body);
      if (body.user === 'nobody@example.com')
        return problem(404, 'not_found', 'There is no user `nobody@example.com`.');
      return identity.refusal(request) ?? HttpResponse.json(explained(body));
    }),
    ...catalogueHandlers(identity, []),
  );
  begin(identity.session({ ...ADA, roles }));
  return { asked, ...renderApp(address) };
}

describe('who may do what', () => {
  it('is shown for executing agents, with what the next policy would change', async () => {
    const { asked } = open();
    expect(await screen.findByText('Allowed')).toBeVisible();
    const way = within(screen.getByRole('list', { name: 'What was looked at' }));
    expect(way.getAllByLabelText('yes')).toHaveLength(2);
    expect(way.getByText('user')).toBeVisible();
    expect(screen.getByText(/the next one \(def456def456\) would deny it/)).toBeVisible();
    expect(asked).toEqual([{ action: 'agents:execute' }]);
    expect(screen.queryByLabelText('Who')).not.toBeInTheDocument();
    await expectAccessible();
  });

  it('is asked for by a row of the roles, and a denial says why', async () => {
    const { router, user } = open();
    await user.click(await screen.findByRole('button', { name: 'audit:read' }));
    expect(await screen.findByText('Denied')).toBeVisible();
    expect(screen.getByText('It takes the role `admin`; you have `user`.')).toBeVisible();
    expect(router.state.location.search).toEqual({ action: 'audit:read' });
    expect(screen.getByRole('button', { name: 'audit:read' })).toHaveAttribute('aria-pressed', 'true');
    const row = screen.getByRole('row', { name: /^audit:read/ });
    expect(within(row).getAllByLabelText('allowed')).toHaveLength(1);
    await expectAccessible();
  });

  it('with an agent is kept in the address', async () => {
    const { asked } = open('/policies?agent=legal/nda-reviewer');
    expect(await screen.findByDisplayValue('legal/nda-reviewer')).toBeVisible();
    expect(await screen.findByText('Allowed')).toBeVisible();
    expect(asked).toEqual([{ action: 'agents:execute', agent_id: 'legal/nda-reviewer' }]);
  });

  it('is asked about others by administrators', async () => {
    const { asked, user } = open('/policies', ['user', 'admin']);
    await user.type(await screen.findByLabelText('Who'), 'nobody@example.com');
    expect(await screen.findByText('There is no user `nobody@example.com`.')).toBeVisible();
    expect(asked.at(-1)).toEqual({ action: 'agents:execute', user: 'nobody@example.com' });
  });
});
