import { http, HttpResponse, type RequestHandler } from 'msw';

import type { components } from '@/lib/api/schema';
import { type FakeIdentity, problem } from '@/testing/platform';

type Schemas = components['schemas'];
export type ApiKey = Schemas['ApiKeyView'];

const API = 'http://localhost:3000/api/v1';
export const KEY = 'aap_019ab2c47d107c3e9f526f1f0f3a9b11_Xk3v9Qp2Rt8Wz4Ny6Lb1Mc5Hd7Jg0Fs2Aa4Ee6Ii8Oo0UuYyTt';

export function apiKey(changes: Partial<ApiKey> = {}): ApiKey {
  return {
    id: 'key-1',
    prefix: 'aap_019ab2c47d107c3e9f526f1f0f3a9b11_',
    name: 'Nightly invoices',
    scopes: ['agents:execute', 'executions:read'],
    agents: null,
    status: 'active',
    created_at: '2026-03-04T09:30:00Z',
    updated_at: '2026-03-04T09:30:00Z',
    expires_at: '2026-06-02T09:30:00Z',
    last_used_at: null,
    previous_secret_until: null,
    budget: { period: '2026-03', ceiling_usd: null, spent_usd: 0 },
    ...changes,
  };
}

/** The API keys of one account. `asked` holds every request that changes something. */
export class FakeKeys {
  readonly asked: { method: string; path: string; body: unknown }[] = [];
  refusal: ReturnType<typeof problem> | null = null;
  keys: ApiKey[];

  constructor(keys: ApiKey[] = []) {
    this.keys = keys;
  }

  handlers(identity: FakeIdentity): RequestHandler[] {
    const guarded = (answer: (id: string, body: unknown) => Response | Promise<Response>) => {
      return async ({ request, params }: { request: Request; params: Record<string, unknown> }) => {
        const refusal = identity.refusal(request);
        if (refusal) return refusal;
        const path = new URL(request.url).pathname.replace('/api/v1', '');
        const text = request.method === 'GET' ? '' : await request.text();
        const body: unknown = text ? JSON.parse(text) : null;
        if (request.method !== 'GET') this.asked.push({ method: request.method, path, body });
        if (this.refusal && request.method !== 'GET') return this.refusal;
        return answer(typeof params['id'] === 'string' ? params['id'] : '', body);
      };
    };
    return [
      http.get(
        `${API}/keys`,
        guarded(() => HttpResponse.json({ items: this.keys, next_cursor: null })),
      ),
      http.post(
        `${API}/keys`,
        guarded((_id, body) => {
          const { name, scopes, agents, budget_usd } = body as Schemas['NewApiKey'];
          const budget = { period: '2026-03', ceiling_usd: budget_usd ?? null, spent_usd: 0 };
          const made = apiKey({ id: `key-${this.keys.length + 1}`, name, scopes, agents: agents ?? null, budget });
          this.keys = [made, ...this.keys];
          return HttpResponse.json({ ...made, key: KEY }, { status: 201 });
        }),
      ),
      http.post(
        `${API}/keys/:id/rotate`,
        guarded((id) => {
          const one = this.keys.find((each) => each.id === id);
          if (!one) return problem(404, 'api_key_not_found', 'There is no such API key of yours.');
          return HttpResponse.json({ ...one, key: `${KEY}2` });
        }),
      ),
      http.delete(
        `${API}/keys/:id`,
        guarded((id) => {
          this.keys = this.keys.filter((each) => each.id !== id);
          return new HttpResponse(null, { status: 204 });
        }),
      ),
    ];
  }
}
