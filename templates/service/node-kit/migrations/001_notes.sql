-- Applied once and never changed again: what comes next is a file of its own, 002_words.sql.
create table notes (
  id text primary key,
  text text not null
);
