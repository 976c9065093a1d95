import { describe, expect, it } from 'vitest';
import { aService } from '../../../test/rig/services.ts';
import { rewrite, variableName, wiringOf } from './wiring.ts';

const addresses = new Map([
  ['orders', '127.0.0.1:21001'],
  ['order', '127.0.0.1:21002'],
]);

describe('rewrite', () => {
  it.each([
    ['http://orders:8080', 'http://127.0.0.1:21001'],
    ['http://orders:8080/path?x=orders:1', 'http://127.0.0.1:21001/path?x=127.0.0.1:21001'],
    ['http://orders/path', 'http://127.0.0.1:21001/path'],
    ['http://orders', 'http://127.0.0.1:21001'],
    ['orders:8080,order:8080', '127.0.0.1:21001,127.0.0.1:21002'],
    ['amqp://user:pass@orders:5672/v', 'amqp://user:pass@127.0.0.1:21001/v'],
    ['https://orders.example.com', 'https://orders.example.com'],
    ['my-orders:8080', 'my-orders:8080'],
    ['orders', 'orders'],
    ['http://ordersx:80', 'http://ordersx:80'],
  ])('%s becomes %s', (value, expected) => {
    expect(rewrite(value, addresses)).toBe(expected);
  });
});

describe('wiringOf', () => {
  it('names the URL of what a service depends on, and of nothing else', () => {
    const service = aService('web', { dependsOn: new Map([['orders', 'service_started' as const]]) });
    expect(wiringOf(service, addresses)).toEqual({ ORDERS_URL: 'http://127.0.0.1:21001' });
  });

  it('lets environment: win', () => {
    const service = aService('web', {
      dependsOn: new Map([['orders', 'service_started' as const]]),
      env: { ORDERS_URL: 'http://elsewhere' },
    });
    expect(wiringOf(service, addresses)).toEqual({ ORDERS_URL: 'http://elsewhere' });
  });

  it('makes variable names of service names', () => {
    expect(variableName('order-items.v2')).toBe('ORDER_ITEMS_V2');
  });
});
