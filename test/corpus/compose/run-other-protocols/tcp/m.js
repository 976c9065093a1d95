require('node:net')
  .createServer((s) => {
    s.on('error', () => {});
    s.on('data', (d) => s.write(`echo ${d}`));
  })
  .listen(9000);
process.on('SIGTERM', () => process.exit(0));
