-- Applied once and never changed again: what comes next is a file of its own, 002_words.sql.
create table work (
  event_id text primary key,
  data text not null,
  done_at text not null
);
