import { http, HttpResponse, type RequestHandler } from 'msw';

import type { components } from '@/lib/api/schema';
import { type FakeIdentity, problem } from '@/testing/platform';

type Schemas = components['schemas'];

const API = 'http://localhost:3000/api/v1';

export function person(changes: Partial<Schemas['Person']> = {}): Schemas['Person'] {
  return {
    id: 'person-1',
    email: 'grace@example.com',
    name: 'Grace Hopper',
    roles: ['user'],
    status: 'active',
    email_verified: true,
    created_at: '2026-03-04T09:30:00Z',
    disabled_at: null,
    ...changes,
  };
}

export function dataRequest(changes: Partial<Schemas['DataRequest']> = {}): Schemas['DataRequest'] {
  return {
    id: 'request-1',
    kind: 'export',
    state: 'done',
    step: '',
    counts: { executions: 3 },
    asked_at: '2026-03-04T09:30:00Z',
    updated_at: '2026-03-04T09:31:00Z',
    finished_at: '2026-03-04T09:31:00Z',
    url: null,
    ...changes,
  };
}

/** The people of a platform. `asked` holds every request that changes something. */
export class FakePeople {
  readonly asked: { method: string; path: string; body: unknown }[] = [];
  refusal: ReturnType<typeof problem> | null = null;
  invitations: Schemas['Invitation'][] = [];
  requests: Schemas['DataRequest'][] = [];
  people: Schemas['Person'][];

  constructor(people: Schemas['Person'][] = [person()]) {
    this.people = people;
  }

  handlers(identity: FakeIdentity): RequestHandler[] {
    const guarded = (answer: (id: string, body: unknown, url: URL) => Response) => {
      return async ({ request, params }: { request: Request; params: Record<string, unknown> }) => {
        const refusal = identity.refusal(request);
        if (refusal) return refusal;
        const url = new URL(request.url);
        const text = request.method === 'GET' ? '' : await request.text();
        const body: unknown = text ? JSON.parse(text) : null;
        if (request.method !== 'GET') {
          this.asked.push({ method: request.method, path: url.pathname.replace('/api/v1', ''), body });
          if (this.refusal) return this.refusal;
        }
        return answer(typeof params['id'] === 'string' ? params['id'] : '', body, url);
      };
    };
    const change = (id: string, changes: Partial<Schemas['Person']>) => {
      this.people = this.people.map((each) => (each.id === id ? { ...each, ...changes } : each));
      return HttpResponse.json(this.people.find((each) => each.id === id));
    };
    return [
      http.get(
        `${API}/users`,
        guarded((_id, _body, url) => {
          const words = url.searchParams.get('q') ?? '';
          const items = this.people.filter(({ name, email }) => `${name} ${email}`.toLowerCase().includes(words));
          return HttpResponse.json({ items, next_cursor: null });
        }),
      ),
      http.get(
        `${API}/users/invitations`,
        guarded(() => HttpResponse.json({ items: this.invitations, next_cursor: null })),
      ),
      http.post(
        `${API}/users/invitations`,
        guarded((_id, body) => {
          const invited = body as Schemas['NewInvitation'];
          const made = {
            ...invited,
            id: 'invitation-1',
            sent_at: '2026-03-04T09:30:00Z',
            expires_at: '2099-01-01T00:00:00Z',
          };
          this.invitations = [made];
          return HttpResponse.json(made, { status: 201 });
        }),
      ),
      http.delete(
        `${API}/users/invitations/:id`,
        guarded(() => {
          this.invitations = [];
          return new HttpResponse(null, { status: 204 });
        }),
      ),
      http.get(
        `${API}/users/:id/data-requests`,
        guarded(() => HttpResponse.json({ items: this.requests })),
      ),
      http.put(
        `${API}/users/:id/roles`,
        guarded((id, body) => change(id, { roles: (body as Schemas['RolesRequest']).roles })),
      ),
      http.post(
        `${API}/users/:id/disable`,
        guarded((id) => change(id, { status: 'disabled' })),
      ),
      http.delete(
        `${API}/users/:id`,
        guarded((id) => {
          change(id, { status: 'erasing' });
          this.requests = [dataRequest({ kind: 'erasure', state: 'running', step: 'executions' })];
          return HttpResponse.json(this.requests[0], { status: 202 });
        }),
      ),
    ];
  }
}
