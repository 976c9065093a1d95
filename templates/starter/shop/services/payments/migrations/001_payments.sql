-- One row an order, amounts in cents: charged, declined, refunded, or void (given back before it was ever charged).
create table payments (
  order_id text primary key,
  status text not null,
  amount integer not null,
  reason text,
  updated_at text not null
);
