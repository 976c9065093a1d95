-- An order and what became of it. `items` is JSON: nothing here looks into it.
create table orders (
  id text primary key,
  status text not null,
  reason text,
  items text not null,
  total integer not null,
  created_at text not null,
  updated_at text not null
);
create index orders_newest on orders (created_at);

-- This service's own copy of the price list, for when inventory does not answer.
create table prices (
  sku text primary key,
  name text not null,
  price integer not null
);
