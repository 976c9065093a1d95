create table posts (
  id text primary key,
  author text not null,
  text text not null,
  created_at bigint not null
);

create index posts_by_author on posts (author, created_at);
