/** A token of the page's own server, which alone knows the app's secret. */

import { CausewayError } from '../errors';

/** Asks the page's server by POST; it answers with the token alone, or with what the box gave it. */
export async function pageToken(url: string, app: string | null): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    credentials: 'same-origin',
    body: JSON.stringify(app === null ? {} : { app }),
  });
  if (!response.ok) {
    const code = response.status === 429 ? 'rate_limited' : 'token_failed';
    throw new CausewayError(code, `The page's server answered ${response.status} instead of a token.`);
  }
  const text = (await response.text()).trim();
  if (!text.startsWith('{')) return text;
  return String((JSON.parse(text) as { token?: unknown }).token ?? '');
}
