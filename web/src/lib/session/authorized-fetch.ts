import { currentAccessToken, renew } from '@/lib/session/session';

/** Sends the access token along; when it has expired, renews the session once and repeats the request. */
export async function authorizedFetch(request: Request): Promise<Response> {
  const again = request.clone();
  const response = await fetch(signed(request));
  if (response.status !== 401 || currentAccessToken() === null) return response;
  return (await renew()) ? fetch(signed(again)) : response;
}

function signed(request: Request): Request {
  const token = currentAccessToken();
  if (token !== null) request.headers.set('authorization', `Bearer ${token}`);
  return request;
}
