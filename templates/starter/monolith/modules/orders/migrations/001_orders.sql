-- An order and what became of it. `items` is JSON: nothing here looks into it.
create table orders_orders (
  id text primary key,
  status text not null,
  reason text,
  items text not null,
  total integer not null,
  created_at text not null,
  updated_at text not null
);
create index orders_orders_newest on orders_orders (created_at);
