import { http, HttpResponse, type RequestHandler } from 'msw';

import type { components } from '@/lib/api/schema';
import { dataRequest } from '@/testing/people';
import { ADA, type FakeIdentity, PASSWORD, problem } from '@/testing/platform';

type Schemas = components['schemas'];

const API = 'http://localhost:3000/api/v1';
export const TOKEN = 'token-of-the-link';

/** What an account may have done with it; `asked` collects the bodies by path. */
export class FakeAccount {
  readonly asked: [string, unknown][] = [];
  user: Schemas['User'] = ADA;
  exports: Schemas['DataRequest'][] = [];

  handlers(identity: FakeIdentity): RequestHandler[] {
    const take = async (request: Request, path: string) => {
      const text = await request.text();
      const body: unknown = text ? JSON.parse(text) : null;
      this.asked.push([path, body]);
      return body;
    };
    return [
      http.get(`${API}/me`, ({ request }) => identity.refusal(request) ?? HttpResponse.json(this.user)),
      http.get(
        `${API}/me/export`,
        ({ request }) => identity.refusal(request) ?? HttpResponse.json({ items: this.exports }),
      ),
      http.post(`${API}/me/export`, async ({ request }) => {
        await take(request, 'export');
        this.exports = [dataRequest({ url: 'https://files.example/my-data.zip' })];
        return identity.refusal(request) ?? HttpResponse.json(dataRequest({ state: 'waiting' }), { status: 202 });
      }),
      http.post(`${API}/me/erasure`, async ({ request }) => {
        const { password } = (await take(request, 'erasure')) as Schemas['EraseMeRequest'];
        if (password !== PASSWORD) {
          return problem(422, 'invalid_input', 'The password is wrong.', {
            errors: [{ field: 'password', message: 'is not your password' }],
          });
        }
        return HttpResponse.json(dataRequest({ kind: 'erasure', state: 'waiting' }), { status: 202 });
      }),
      http.post(`${API}/auth/password`, async ({ request }) => {
        const body = (await take(request, 'password')) as Schemas['ChangePasswordRequest'];
        const refusal = identity.refusal(request);
        if (refusal) return refusal;
        if (body.current_password !== PASSWORD) {
          return problem(422, 'invalid_input', 'The current password is wrong.', {
            errors: [{ field: 'current_password', message: 'is not your password' }],
          });
        }
        identity.revokeEverything();
        return HttpResponse.json(identity.session());
      }),
      http.post(`${API}/auth/revoke-all`, async ({ request }) => {
        const { start_anew } = (await take(request, 'revoke-all')) as Schemas['RevokeAllRequest'];
        const refusal = identity.refusal(request);
        if (refusal) return refusal;
        identity.revokeEverything();
        return HttpResponse.json(start_anew ? identity.session() : null);
      }),
      http.post(`${API}/auth/forgot-password`, async ({ request }) => {
        await take(request, 'forgot-password');
        return HttpResponse.json(null, { status: 202 });
      }),
      http.post(`${API}/auth/reset-password`, async ({ request }) => {
        const { token, password } = (await take(request, 'reset-password')) as Schemas['ResetPasswordRequest'];
        if (token !== TOKEN) return problem(400, 'link_invalid', 'The link is not valid: it was used.');
        if (password.length >= 15) return new HttpResponse(null, { status: 204 });
        return problem(422, 'invalid_input', 'This password is not accepted.', {
          errors: [{ field: 'password', message: 'shorter than 15 characters' }],
        });
      }),
      http.post(`${API}/auth/verify-email`, async ({ request }) => {
        const { token } = (await take(request, 'verify-email')) as Schemas['VerifyEmailRequest'];
        if (token !== TOKEN) return problem(400, 'link_invalid', 'The link is not valid: it was used.');
        this.user = { ...this.user, email_verified: true };
        return new HttpResponse(null, { status: 204 });
      }),
      http.post(`${API}/auth/verify-email/send`, async ({ request }) => {
        await take(request, 'verify-email/send');
        return identity.refusal(request) ?? HttpResponse.json(null, { status: 202 });
      }),
    ];
  }
}
