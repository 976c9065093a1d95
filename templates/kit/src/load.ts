/** How busy this replica is, for those that share out requests: the ORCA header, averaged over about 300 ms. */
export function createLoad(maxInFlight: number) {
  let inFlight = 0;
  let average = 0;
  let last = performance.now();
  let requests = 0;
  let errors = 0;
  let rates = { rps: 0, eps: 0, since: last };

  function note(): void {
    const now = performance.now();
    const weight = 1 - Math.exp(-(now - last) / 300);
    average += weight * (inFlight / maxInFlight - average);
    last = now;
    const seconds = (now - rates.since) / 1_000;
    if (seconds < 1) return;
    rates = { rps: requests / seconds, eps: errors / seconds, since: now };
    requests = errors = 0;
  }

  return {
    get inFlight() {
      return inFlight;
    },
    get isFull() {
      return inFlight >= maxInFlight;
    },
    enter(): void {
      note();
      inFlight += 1;
      requests += 1;
    },
    leave(isError: boolean): void {
      note();
      inFlight -= 1;
      if (isError) errors += 1;
    },
    header: (): string => `TEXT application_utilization=${average.toFixed(3)}, rps_fractional=${rates.rps.toFixed(2)}, eps=${rates.eps.toFixed(2)}`,
  };
}
