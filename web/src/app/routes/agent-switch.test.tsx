import { screen } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';

import type { AgentInfo } from '@/features/agents/api/get-agent';
import { begin } from '@/lib/session/session';
import { agentInfo } from '@/testing/definitions';
import { ADA, catalogueHandlers, executionHandlers, FakeIdentity, problem } from '@/testing/platform';
import { expectAccessible, renderApp } from '@/testing/render-app';
import { server } from '@/testing/server';

const MATCHER = agentInfo('finance-accounting/three-way-match-checker');
const OFF: AgentInfo = {
  ...MATCHER,
  switched_off: { reason: 'It misreads freight.', since: '2026-03-31T12:00:00Z' },
};

function open(agent: AgentInfo, roles: string[]) {
  const identity = new FakeIdentity();
  begin(identity.session({ ...ADA, roles }));
  const asked: unknown[] = [];
  server.use(
    http.put('*/api/v1/agent-switches/:group/:name', async ({ request, params }) => {
      const body = (await request.json()) as { on: boolean; reason?: string };
      asked.push([params['group'], params['name'], body]);
      const items = body.on ? [] : [{ agent: agent.id, reason: body.reason ?? '', since: '2026-03-31T12:00:00Z' }];
      return HttpResponse.json({ items });
    }),
    ...catalogueHandlers(identity, [agent]),
    ...executionHandlers(identity, [agent], [], [], []),
  );
  return { asked, ...renderApp(`/agents/${agent.id}`) };
}

describe('an agent that is switched off', () => {
  it('says why, to everybody, and lets users change nothing', async () => {
    open(OFF, ['user']);

    expect(await screen.findByText('This agent is switched off')).toBeVisible();
    expect(screen.getByText('It misreads freight.')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Switch it on' })).not.toBeInTheDocument();
    expect(screen.queryByRole('button', { name: 'Switch off' })).not.toBeInTheDocument();
    await expectAccessible();
  });

  it('is switched on by an operator', async () => {
    const { asked, user } = open(OFF, ['operator']);

    await user.click(await screen.findByRole('button', { name: 'Switch it on' }));

    expect(await screen.findByRole('button', { name: 'Switch off' })).toBeVisible();
    expect(screen.queryByText('This agent is switched off')).not.toBeInTheDocument();
    expect(asked).toEqual([['finance-accounting', 'three-way-match-checker', { on: true }]]);
  });
});

describe('an agent that is on', () => {
  it('is switched off by an operator, who says why', async () => {
    const { asked, user } = open(MATCHER, ['operator']);

    await user.click(await screen.findByRole('button', { name: 'Switch off' }));
    await user.type(await screen.findByRole('textbox', { name: 'Why it is off' }), 'It misreads freight.');
    await user.click(screen.getByRole('button', { name: 'Switch it off' }));

    expect(await screen.findByText('This agent is switched off')).toBeVisible();
    const body = { on: false, reason: 'It misreads freight.' };
    expect(asked).toEqual([['finance-accounting', 'three-way-match-checker', body]]);
  });

  it('stays on where the platform refuses, and says why', async () => {
    const { user } = open(MATCHER, ['operator']);
    server.use(http.put('*/api/v1/agent-switches/:group/:name', () => problem(503, 'storage_unavailable', 'Later.')));

    await user.click(await screen.findByRole('button', { name: 'Switch off' }));
    await user.type(await screen.findByRole('textbox', { name: 'Why it is off' }), 'It misreads freight.');
    await user.click(screen.getByRole('button', { name: 'Switch it off' }));

    expect(await screen.findByText('Later.')).toBeVisible();
    expect(screen.queryByText('This agent is switched off')).not.toBeInTheDocument();
  });
});
