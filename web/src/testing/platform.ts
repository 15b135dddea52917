import { http, HttpResponse, type RequestHandler } from 'msw';

import type { components } from '@/lib/api/schema';
import type { AgentInfo } from '@/testing/definitions';

type Schemas = components['schemas'];
export type Execution = Schemas['Execution'];

export const ADA: Schemas['User'] = {
  id: '019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11',
  email: 'ada@example.com',
  name: 'Ada Lovelace',
  roles: ['user'],
  created_at: '2026-01-05T09:00:00Z',
  email_verified: true,
};
export const PASSWORD = 'correct horse battery staple';

const API = 'http://localhost:3000/api/v1';

/** An answer as the API gives it when something is wrong. */
export function problem(status: number, code: string, detail: string, more: Partial<Schemas['Problem']> = {}) {
  const body: Schemas['Problem'] = {
    type: `/problems/${code}`,
    title: code,
    status,
    detail,
    code,
    trace_id: '1-5759e988-bd862e3fe1be46a994272793',
    errors: [],
    execution_id: null,
    approval_id: null,
    ...more,
  };
  return HttpResponse.json(body, { status, headers: { 'content-type': 'application/problem+json' } });
}

/**
 * The identity part of the API: one account, access tokens that can be made to expire, refresh tokens that work once.
 */
export class FakeIdentity {
  readonly refreshed: string[] = [];
  readonly loggedOut: string[] = [];
  private issued = 0;
  private access = new Set<string>();
  private refresh = new Set<string>();

  session(user: Schemas['User'] = ADA): Schemas['Session'] {
    this.issued += 1;
    const [access_token, refresh_token] = [`access-${this.issued}`, `refresh-${this.issued}`];
    this.access.add(access_token);
    this.refresh.add(refresh_token);
    return { access_token, refresh_token, token_type: 'Bearer', expires_in: 900, user };
  }

  expireAccessTokens(): void {
    this.access.clear();
  }

  revokeEverything(): void {
    this.access.clear();
    this.refresh.clear();
  }

  /** The refusal of a request without a valid access token; undefined for any other. */
  refusal(request: Request) {
    const token = request.headers.get('authorization')?.replace('Bearer ', '') ?? '';
    return this.access.has(token) ? undefined : problem(401, 'unauthenticated', 'The access token has expired.');
  }

  handlers(): RequestHandler[] {
    return [
      http.post(`${API}/auth/login`, async ({ request }) => {
        const body = (await request.json()) as Schemas['LoginRequest'];
        return body.email === ADA.email && body.password === PASSWORD
          ? HttpResponse.json(this.session())
          : problem(401, 'unauthenticated', 'E-mail address or password is wrong.');
      }),
      http.post(`${API}/auth/register`, async ({ request }) => {
        const { email, name, password } = (await request.json()) as Schemas['RegisterRequest'];
        if (email === ADA.email) return problem(409, 'email_taken', 'This address has an account already: sign in.');
        if (password.length >= 15) return HttpResponse.json(this.session({ ...ADA, email, name }), { status: 201 });
        return problem(422, 'invalid_input', 'This password is not accepted.', {
          errors: [{ field: 'password', message: 'shorter than 15 characters' }],
        });
      }),
      http.post(`${API}/auth/refresh`, async ({ request }) => {
        const { refresh_token } = (await request.json()) as Schemas['RefreshRequest'];
        this.refreshed.push(refresh_token);
        return this.refresh.delete(refresh_token)
          ? HttpResponse.json(this.session())
          : problem(401, 'unauthenticated', 'The session has ended: sign in again.');
      }),
      http.post(`${API}/auth/logout`, async ({ request }) => {
        const { refresh_token } = (await request.json()) as Schemas['LogoutRequest'];
        this.loggedOut.push(refresh_token ?? '');
        return this.refusal(request) ?? new HttpResponse(null, { status: 204 });
      }),
    ];
  }
}

export const BUDGET: Schemas['Budget'] = {
  period: '2026-03',
  ceiling_usd: 50,
  spent_usd: 12.4,
  reserved_usd: 0.6,
  available_usd: 37,
  ends_at: '2026-04-01T00:00:00Z',
};

/** The catalogue part of the API over the given agents, in pages of `pageSize`, and what every page shows besides. */
export function catalogueHandlers(identity: FakeIdentity, agents: AgentInfo[], pageSize = 24): RequestHandler[] {
  const groups = [...new Set(agents.map((agent) => agent.group))];
  const tags = [...new Set(agents.flatMap((agent) => agent.tags))];
  return [
    http.get(`${API}/me/budget`, ({ request }) => identity.refusal(request) ?? HttpResponse.json(BUDGET)),
    http.get(
      `${API}/tool-approvals`,
      ({ request }) => identity.refusal(request) ?? HttpResponse.json({ items: [], next_cursor: null }),
    ),
    http.get(
      `${API}/approvals`,
      ({ request }) => identity.refusal(request) ?? HttpResponse.json({ items: [], next_cursor: null }),
    ),
    http.get(
      `${API}/evaluations`,
      ({ request }) => identity.refusal(request) ?? HttpResponse.json({ items: [], next_cursor: null }),
    ),
    http.get(`${API}/agents/:group/:name/versions`, ({ request, params }) => {
      const found = agents.find((agent) => agent.id === `${String(params['group'])}/${String(params['name'])}`);
      const current = found?.version ?? '1.0.0';
      const items = [{ version: current, published_at: '2026-03-31T12:00:00Z' }];
      return identity.refusal(request) ?? HttpResponse.json({ current, items });
    }),
    http.get(`${API}/groups`, ({ request }) => {
      const items: Schemas['Group'][] = groups.map((id) => ({
        id,
        name: id.replaceAll('-', ' & '),
        summary: '',
        agents: agents.filter((agent) => agent.group === id).length,
      }));
      return identity.refusal(request) ?? HttpResponse.json({ items });
    }),
    http.get(`${API}/tags`, ({ request }) => {
      const items: Schemas['Tag'][] = tags.map((id) => ({
        id,
        agents: agents.filter((agent) => agent.tags.includes(id)).length,
      }));
      return identity.refusal(request) ?? HttpResponse.json({ items });
    }),
    http.get(`${API}/agents`, ({ request }) => {
      const query = new URL(request.url).searchParams;
      const words = (query.get('q') ?? '').toLowerCase().split(' ').filter(Boolean);
      const matching = agents
        .filter((agent) => !query.has('group') || agent.group === query.get('group'))
        .filter((agent) => !query.has('tag') || agent.tags.includes(query.get('tag') ?? ''))
        .filter((agent) =>
          words.every((word) => `${agent.id} ${agent.name} ${agent.summary}`.toLowerCase().includes(word)),
        );
      const from = Number(query.get('cursor') ?? 0);
      const page: Schemas['AgentPage'] = {
        items: matching.slice(from, from + pageSize).map(cardOf),
        next_cursor: from + pageSize < matching.length ? String(from + pageSize) : null,
        total: matching.length,
        facets: {
          group: countBy(matching, (agent) => [agent.group]),
          tag: countBy(matching, (agent) => agent.tags),
          model: countBy(matching, (agent) => [agent.model]),
        },
      };
      return identity.refusal(request) ?? HttpResponse.json(page);
    }),
    http.post(`${API}/agents/route`, async ({ request }) => {
      const { ask, choose } = (await request.clone().json()) as Schemas['AskToRoute'];
      const wanted = agents.filter((agent) => agent.use_when.includes(ask));
      const chosen = wanted[0]?.id ?? null;
      const routed: Schemas['RoutedAsk'] = {
        fits: wanted.length > 0,
        floor: 0.5,
        choice: choose
          ? { agent_id: chosen, reason: 'It wants a verdict.', execution_id: 'chosen-in', provider: 'anthropic' }
          : null,
        agents: [...wanted, ...agents.filter((agent) => !wanted.includes(agent))].map((agent) => ({
          agent: cardOf(agent),
          score: wanted.includes(agent) ? 0.9 : 0.1,
          reason: `Its nearest known task: “${agent.use_when}”.`,
        })),
      };
      return identity.refusal(request) ?? HttpResponse.json(routed);
    }),
    http.get(`${API}/agents/:group/:name`, ({ request, params }) => {
      const agent = agents.find(({ id }) => id === `${String(params['group'])}/${String(params['name'])}`);
      const answer = agent ? HttpResponse.json(agent) : problem(404, 'agent_not_found', 'There is no such agent.');
      return identity.refusal(request) ?? answer;
    }),
  ];
}

function countBy(agents: AgentInfo[], values: (agent: AgentInfo) => string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of agents.flatMap(values)) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

/** What an execute request was sent with. */
export interface Received {
  input: unknown;
  key: string | null;
  sessionId: string | null;
}

/**
 * Runs that answer the agent's example, and the records of them; `received` collects the inputs, `requests` the rest as
 * well. A run in the background stays queued until its record is changed.
 */
export function executionHandlers(
  identity: FakeIdentity,
  agents: AgentInfo[],
  received: unknown[] = [],
  records: Schemas['Execution'][] = [],
  requests: Received[] = [],
): RequestHandler[] {
  return [
    http.post(`${API}/agents/:group/:name/execute`, async ({ request, params }) => {
      const agent = agents.find(({ id }) => id === `${String(params['group'])}/${String(params['name'])}`);
      if (!agent) return problem(404, 'agent_not_found', 'There is no such agent.');
      const { input, session_id = null } = (await request.json()) as Schemas['ExecuteRequest'];
      received.push(input);
      requests.push({ input, key: request.headers.get('idempotency-key'), sessionId: session_id });
      const refusal = identity.refusal(request);
      if (refusal) return refusal;
      const isLater = request.headers.get('prefer') === 'respond-async';
      const record = execution(agent, {
        id: `019ab2c4-0000-7000-8000-${String(records.length).padStart(12, '0')}`,
        input,
        session_id,
        ...(isLater ? NOT_OVER : {}),
      });
      records.unshift(record);
      return HttpResponse.json(record, { status: isLater ? 202 : 200 });
    }),
    http.get(`${API}/executions`, ({ request }) => {
      const query = new URL(request.url).searchParams;
      const items = records
        .filter((record) => !query.has('agent_id') || record.agent_id === query.get('agent_id'))
        .filter((record) => !query.has('status') || record.status === query.get('status'));
      return identity.refusal(request) ?? HttpResponse.json({ items, next_cursor: null });
    }),
    http.get(`${API}/executions/:id`, ({ request, params }) => {
      const record = records.find(({ id }) => id === params['id']);
      const answer = record
        ? HttpResponse.json(record)
        : problem(404, 'execution_not_found', 'You have no such execution.');
      return identity.refusal(request) ?? answer;
    }),
    http.post(`${API}/executions/:id/cancel`, ({ request, params }) => {
      const place = records.findIndex(({ id }) => id === params['id']);
      const record = records[place];
      if (!record) return problem(404, 'execution_not_found', 'You have no such execution.');
      if (record.finished_at) return problem(409, 'already_finished', 'It has ended already.');
      const cancelled = { ...record, status: 'cancelled' as const, finished_at: '2026-03-04T09:30:05Z' };
      records[place] = cancelled;
      return identity.refusal(request) ?? HttpResponse.json(cancelled);
    }),
  ];
}

/** What a record lacks as long as its run waits for its turn. */
export const NOT_OVER = { status: 'queued', output: null, finished_at: null, cost_usd: 0, duration_ms: 0 } as const;

/** Conversations with agents that remember; the turns are those that `executionHandlers` recorded. */
export function conversationHandlers(
  identity: FakeIdentity,
  sessions: Schemas['AgentSession'][],
  records: Schemas['Execution'][],
): RequestHandler[] {
  const turnsOf = (id: unknown) => records.filter(({ session_id }) => session_id === id);
  const found = (id: unknown) => sessions.find((session) => session.id === id);
  const gone = () => problem(404, 'session_not_found', 'You have no such session.');
  return [
    http.post(`${API}/sessions`, async ({ request }) => {
      const { agent_id } = (await request.json()) as Schemas['CreateSessionRequest'];
      const made = session(agent_id, { id: `s-${sessions.length + 1}`, title: null });
      sessions.unshift(made);
      return identity.refusal(request) ?? HttpResponse.json(made, { status: 201 });
    }),
    http.get(`${API}/sessions`, ({ request }) => {
      const agentId = new URL(request.url).searchParams.get('agent_id');
      const items = sessions.filter((one) => one.agent_id === agentId);
      return identity.refusal(request) ?? HttpResponse.json({ items, next_cursor: null });
    }),
    http.get(`${API}/sessions/:id`, ({ request, params }) => {
      const one = found(params['id']);
      return identity.refusal(request) ?? (one ? HttpResponse.json(one) : gone());
    }),
    http.delete(`${API}/sessions/:id`, ({ request, params }) => {
      const place = sessions.findIndex(({ id }) => id === params['id']);
      if (place < 0) return gone();
      sessions.splice(place, 1);
      return identity.refusal(request) ?? new HttpResponse(null, { status: 204 });
    }),
    http.get(`${API}/sessions/:id/turns`, ({ request, params }) => {
      if (!found(params['id'])) return gone();
      const recorded = turnsOf(params['id']);
      const items: Schemas['SessionTurn'][] = recorded.map((record, place) => ({
        number: recorded.length - place,
        execution_id: record.id,
        created_at: record.started_at,
        input: record.input,
        output: record.output ?? {},
        shortened: false,
      }));
      return identity.refusal(request) ?? HttpResponse.json({ items, next_cursor: null });
    }),
  ];
}

export function session(agentId: string, more: Partial<Schemas['AgentSession']> = {}): Schemas['AgentSession'] {
  return {
    id: 's-0',
    agent_id: agentId,
    title: 'Error 809 at home',
    turns: 1,
    created_at: '2026-03-04T09:00:00Z',
    updated_at: '2026-03-04T09:30:00Z',
    expires_at: '2026-06-02T09:30:00Z',
    ...more,
  };
}

/** Batches, the newest first; `orders` collects what was asked for. */
export function batchHandlers(
  identity: FakeIdentity,
  batches: Schemas['BatchView'][],
  orders: Schemas['NewBatch'][] = [],
): RequestHandler[] {
  const change = (id: unknown, more: Partial<Schemas['BatchView']>) => {
    const place = batches.findIndex((one) => one.id === id);
    const known = batches[place];
    if (!known) return problem(404, 'batch_not_found', 'You have no such batch.');
    batches[place] = { ...known, ...more };
    return HttpResponse.json(batches[place], { status: 202 });
  };
  return [
    http.post(`${API}/batches`, async ({ request }) => {
      const order = (await request.json()) as Schemas['NewBatch'];
      orders.push(order);
      const made = batch(order.agent_id, {
        id: `b-${batches.length + 1}`,
        format: order.format,
        status: 'ready',
        counts: null,
      });
      batches.unshift(made);
      return identity.refusal(request) ?? HttpResponse.json(made, { status: 201 });
    }),
    http.get(
      `${API}/batches`,
      ({ request }) => identity.refusal(request) ?? HttpResponse.json({ items: batches, next_cursor: null }),
    ),
    http.get(`${API}/batches/:id`, ({ request, params }) => {
      const one = batches.find(({ id }) => id === params['id']);
      const answer = one ? HttpResponse.json(one) : problem(404, 'batch_not_found', 'You have no such batch.');
      return identity.refusal(request) ?? answer;
    }),
    http.post(`${API}/batches/:id/start`, ({ params }) => change(params['id'], { status: 'running', upload: null })),
    http.post(`${API}/batches/:id/cancel`, ({ params }) =>
      change(params['id'], { status: 'cancelled', finished_at: '2026-03-04T09:31:00Z' }),
    ),
  ];
}

/** A batch in the middle of its work. */
export function batch(agentId: string, more: Partial<Schemas['BatchView']> = {}): Schemas['BatchView'] {
  return {
    id: 'b-0',
    agent_id: agentId,
    status: 'running',
    format: 'jsonl',
    created_at: '2026-03-04T09:30:00Z',
    started_at: '2026-03-04T09:30:01Z',
    finished_at: null,
    counts: { total: 480, pending: 204, running: 20, succeeded: 247, failed: 9 },
    cost_usd: null,
    error: null,
    upload: null,
    results: null,
    ...more,
  };
}

/** The record of a run that answered the agent's example on the offline model. */
export function execution(agent: AgentInfo, more: Partial<Schemas['Execution']> = {}): Schemas['Execution'] {
  return {
    id: '019ab2c4-0000-7000-8000-000000000000',
    agent_id: agent.id,
    agent_version: agent.version,
    status: 'succeeded',
    input: agent.example.input,
    output: agent.example.output,
    error: null,
    model: 'claude-sonnet-5',
    provider: 'offline',
    usage: { input_tokens: 1832, output_tokens: 412, cache_read_tokens: 0, cache_write_tokens: 0 },
    tool_calls: 0,
    cost_usd: 0.0117,
    duration_ms: 1240,
    started_at: '2026-03-04T09:30:00Z',
    finished_at: '2026-03-04T09:30:01Z',
    trace_id: '1-5759e988-bd862e3fe1be46a994272793',
    owner: ADA.id,
    cached: false,
    delegated_cost_usd: 0,
    escalation: null,
    parent_id: null,
    session_id: null,
    batch_id: null,
    run_id: null,
    step_id: null,
    key_id: null,
    redactions: {},
    tool_approval_id: null,
    ...more,
  };
}

function cardOf({ id, group, name, version, summary, tags, model }: AgentInfo): Schemas['AgentCard'] {
  return { id, group, name, version, summary, tags, model };
}
