/** How busy this replica is, for those that share out requests: the ORCA header, averaged over about 300 ms. */
export function createLoad(maxInFlight: number) {
  let inFlight = 0;
  let average = 0;
  let last = performance.now();
  let second = { since: last, requests: 0, rate: 0 };

  function change(by: 1 | -1): void {
    const now = performance.now();
    average += (1 - Math.exp((last - now) / 300)) * (inFlight / maxInFlight - average);
    last = now;
    inFlight += by;
    if (by === 1) second.requests += 1;
    const seconds = (now - second.since) / 1_000;
    if (seconds >= 1) second = { since: now, requests: 0, rate: second.requests / seconds };
  }

  return {
    isFull: () => inFlight >= maxInFlight,
    enter: () => change(1),
    leave: () => change(-1),
    header: () => `TEXT application_utilization=${average.toFixed(3)}, rps_fractional=${second.rate.toFixed(2)}`,
  };
}
