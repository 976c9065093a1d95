-- The mailbox: one message for each outcome of an order.
create table messages (
  order_id text not null,
  outcome text not null,
  text text not null,
  sent_at text not null,
  primary key (order_id, outcome)
);
create index messages_newest on messages (sent_at);
