import type { Database } from './database.ts';

/** What the kit keeps beside the service's own tables, in its own database: in the same transaction as they change. */
export const tables = (kind: Database['kind']): string => `
create table if not exists camp_outbox (
  position ${kind === 'postgres' ? 'bigint generated always as identity' : 'integer'} primary key${kind === 'sqlite' ? ' autoincrement' : ''}, id text not null, body text not null);
create table if not exists camp_inbox (
  consumer text not null, event_id text not null, handled_at bigint not null, primary key (consumer, event_id));
create index if not exists camp_inbox_handled_at on camp_inbox (handled_at);
create table if not exists camp_failures (
  consumer text not null, event_id text not null, attempts integer not null, primary key (consumer, event_id));
create table if not exists camp_idempotency (
  key text primary key, fingerprint text not null, answer text not null, stored_at bigint not null);
create index if not exists camp_idempotency_stored_at on camp_idempotency (stored_at);
create table if not exists camp_sagas (
  saga text not null, id text not null, state text not null, step integer not null, down_to integer not null, tries integer not null,
  has_ended integer not null, data text not null, reason text not null, due bigint not null, request_id text not null,
  trace_id text not null, primary key (saga, id));
create index if not exists camp_sagas_due on camp_sagas (due);
create table if not exists camp_dead_letters (
  id text primary key, consumer text not null, body text not null, dead_at bigint not null);
create table if not exists camp_migrations (
  name text primary key, checksum text not null, applied_at text not null);
`;
