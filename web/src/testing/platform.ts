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

/** The catalogue part of the API over the given agents, in pages of `pageSize`, and the budget that every page shows. */
export function catalogueHandlers(identity: FakeIdentity, agents: AgentInfo[], pageSize = 24): RequestHandler[] {
  const groups = [...new Set(agents.map((agent) => agent.group))];
  const tags = [...new Set(agents.flatMap((agent) => agent.tags))];
  return [
    http.get(`${API}/me/budget`, ({ request }) => identity.refusal(request) ?? HttpResponse.json(BUDGET)),
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
      };
      return identity.refusal(request) ?? HttpResponse.json(page);
    }),
    http.get(`${API}/agents/:group/:name`, ({ request, params }) => {
      const agent = agents.find(({ id }) => id === `${String(params['group'])}/${String(params['name'])}`);
      const answer = agent ? HttpResponse.json(agent) : problem(404, 'agent_not_found', 'There is no such agent.');
      return identity.refusal(request) ?? answer;
    }),
  ];
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
    redactions: {},
    ...more,
  };
}

function cardOf({ id, group, name, version, summary, tags, model }: AgentInfo): Schemas['AgentCard'] {
  return { id, group, name, version, summary, tags, model };
}
