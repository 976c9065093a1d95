create table effects (kind text not null, id text not null);
