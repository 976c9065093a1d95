/**
 * What psql and its like read, where only DATABASE_URL says which database is meant: for commands that a person runs.
 * Nothing where any of those variables is set, or where the URL is none of PostgreSQL's.
 */
export function psqlVariables(env: Readonly<Record<string, string>>): Record<string, string> {
  const url = env['DATABASE_URL'] ?? '';
  if (!/^postgres(?:ql)?:\/\//.test(url) || !URL.canParse(url)) return {};
  if (Object.keys(env).some((name) => /^PG(?:HOST|SERVICE|DATABASE|USER|PORT)$/.test(name))) return {};
  const { hostname, port, username, password, pathname } = new URL(url);
  const parts = {
    PGHOST: hostname.replace(/^\[|\]$/g, ''),
    PGPORT: port,
    PGUSER: decoded(username),
    PGPASSWORD: decoded(password),
    PGDATABASE: decoded(pathname.slice(1)),
  };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== ''));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that nobody has encoded
  }
}
