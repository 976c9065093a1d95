-- Prices in cents. At any time initial = available + reserved + sold.
create table products (
  sku text primary key,
  name text not null,
  price integer not null,
  initial integer not null,
  available integer not null check (available >= 0),
  reserved integer not null check (reserved >= 0),
  sold integer not null check (sold >= 0)
);

-- What an order holds: reserved, then sold or released. A rejected one held nothing.
create table reservations (
  order_id text primary key,
  status text not null,
  reason text,
  items text not null,
  updated_at text not null
);

insert into products (sku, name, price, initial, available, reserved, sold) values
  ('mug', 'Enamel mug', 1400, 5000, 5000, 0, 0),
  ('torch', 'Head torch', 3900, 2000, 2000, 0, 0),
  ('stove', 'Camp stove', 5900, 1000, 1000, 0, 0),
  ('tent', 'Tent for two', 24900, 200, 200, 0, 0),
  ('canoe', 'Canoe', 129000, 3, 3, 0, 0);
