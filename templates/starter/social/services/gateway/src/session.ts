import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Without one, sessions end with the process, and replicas do not know each other's. */
const secret = process.env['SESSION_SECRET'] || randomBytes(32).toString('hex');

const days = 7;

/** The cookie of somebody who has signed in: who, until when, and that it was this gateway that said so. */
export function sessionCookie(user: string, now = Date.now()): string {
  const until = now + days * 86_400_000;
  const said = `${user}.${until}`;
  return `session=${said}.${signatureOf(said)}; Path=/api; Max-Age=${days * 86_400}; HttpOnly; Secure; SameSite=Strict`;
}

export const endedCookie = 'session=; Path=/api; Max-Age=0; HttpOnly; Secure; SameSite=Strict';

/** Who is signed in, by the Cookie header; nothing where the cookie is missing, forged or too old. */
export function userOf(cookies: string | undefined, now = Date.now()): string | undefined {
  const [, user, until, signature] = /(?:^|;\s*)session=([a-z0-9_-]+)\.(\d+)\.([\w-]+)(?:;|$)/.exec(cookies ?? '') ?? [];
  if (user === undefined || until === undefined || signature === undefined) return undefined;
  const right = Buffer.from(signatureOf(`${user}.${until}`));
  const given = Buffer.from(signature);
  return given.length === right.length && timingSafeEqual(given, right) && Number(until) > now ? user : undefined;
}

function signatureOf(text: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url');
}
