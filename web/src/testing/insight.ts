import { http, HttpResponse, type RequestHandler } from 'msw';

import type { components } from '@/lib/api/schema';
import { type FakeIdentity, problem } from '@/testing/platform';

type Schemas = components['schemas'];
export type Webhook = Schemas['WebhookView'];
export type Delivery = Schemas['Delivery'];

const API = 'http://localhost:3000/api/v1';
export const SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';

export function webhook(changes: Partial<Webhook> = {}): Webhook {
  return {
    id: 'hook-1',
    url: 'https://hooks.example.com/agents',
    events: ['workflow.failed'],
    match: {},
    description: 'Tell the on-call channel',
    enabled: true,
    disabled: null,
    failing_since: null,
    platform_wide: false,
    owner: '019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11',
    created_at: '2026-03-04T09:30:00Z',
    updated_at: '2026-03-04T09:30:00Z',
    secret_version: 1,
    previous_secret_until: null,
    ...changes,
  };
}

export function delivery(changes: Partial<Delivery> = {}): Delivery {
  return {
    id: 'event-1',
    webhook_id: 'hook-1',
    type: 'workflow.failed',
    subject: 'run-1',
    state: 'failed',
    created_at: '2026-03-04T09:31:00Z',
    next_at: null,
    attempts: [
      {
        at: '2026-03-04T09:31:01Z',
        duration_ms: 120,
        status: 500,
        error: 'The receiver answered 500.',
        answer: 'oops',
      },
    ],
    ...changes,
  };
}

/** The part of the API that tells what happened: webhooks and their deliveries. */
export class FakeWebhooks {
  readonly asked: { method: string; path: string; body: unknown }[] = [];
  refusal: ReturnType<typeof problem> | null = null;

  webhooks: Webhook[];
  deliveries: Delivery[];

  constructor(webhooks: Webhook[] = [], deliveries: Delivery[] = []) {
    this.webhooks = webhooks;
    this.deliveries = deliveries;
  }

  handlers(identity: FakeIdentity): RequestHandler[] {
    const guarded = (
      answer: (id: string, body: unknown, path: string, query: URLSearchParams) => Response | Promise<Response>,
    ) => {
      return async ({ request, params }: { request: Request; params: Record<string, unknown> }) => {
        const refusal = identity.refusal(request);
        if (refusal) return refusal;
        const url = new URL(request.url);
        const path = url.pathname.replace('/api/v1', '');
        const text = request.method === 'GET' ? '' : await request.text();
        const body: unknown = text ? JSON.parse(text) : null;
        if (request.method !== 'GET') this.asked.push({ method: request.method, path, body });
        if (this.refusal && request.method !== 'GET') return this.refusal;
        return answer(typeof params['id'] === 'string' ? params['id'] : '', body, path, url.searchParams);
      };
    };
    const found = (id: string) => this.webhooks.find((one) => one.id === id);
    const oneOf = (id: string) => {
      const one = found(id);
      return one ? HttpResponse.json(one) : problem(404, 'webhook_not_found', 'There is no such webhook of yours.');
    };
    const change = (id: string, changes: Partial<Webhook>) => {
      this.webhooks = this.webhooks.map((one) => (one.id === id ? { ...one, ...changes } : one));
    };
    return [
      http.get(
        `${API}/webhooks`,
        guarded((_id, _body, _path, query) =>
          HttpResponse.json({
            items: this.webhooks.filter((one) => String(one.platform_wide) === query.get('platform_wide')),
            next_cursor: null,
          }),
        ),
      ),
      http.post(
        `${API}/webhooks`,
        guarded((_id, body) => {
          const made = webhook({ ...(body as Partial<Webhook>), id: `hook-${this.webhooks.length + 1}` });
          this.webhooks = [made, ...this.webhooks];
          return HttpResponse.json({ ...made, secret: SECRET }, { status: 201 });
        }),
      ),
      http.get(`${API}/webhooks/:id`, guarded(oneOf)),
      http.patch(
        `${API}/webhooks/:id`,
        guarded((id, body) => {
          change(id, { ...(body as Partial<Webhook>), disabled: null });
          return oneOf(id);
        }),
      ),
      http.delete(
        `${API}/webhooks/:id`,
        guarded((id) => {
          this.webhooks = this.webhooks.filter((one) => one.id !== id);
          return new HttpResponse(null, { status: 204 });
        }),
      ),
      http.post(
        `${API}/webhooks/:id/rotate-secret`,
        guarded((id) => HttpResponse.json({ ...found(id), secret: `${SECRET}2` })),
      ),
      http.post(
        `${API}/webhooks/:id/ping`,
        guarded(() => {
          const ping = delivery({ id: 'ping-1', type: 'webhook.ping', state: 'delivered', attempts: [] });
          this.deliveries = [ping, ...this.deliveries];
          return HttpResponse.json(ping, { status: 202 });
        }),
      ),
      http.get(
        `${API}/webhooks/:id/deliveries`,
        guarded(() => HttpResponse.json({ items: this.deliveries, next_cursor: null })),
      ),
      http.post(
        `${API}/webhooks/:id/deliveries/:delivery/redeliver`,
        guarded(() => {
          this.deliveries = this.deliveries.map((one) => ({ ...one, state: 'delivered' as const }));
          return HttpResponse.json(this.deliveries[0], { status: 202 });
        }),
      ),
    ];
  }
}
