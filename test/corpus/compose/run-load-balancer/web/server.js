const http = require('node:http');
const port = Number(process.env.PORT || 5000);
const server = http.createServer((req, res) => {
  res.setHeader('content-type', 'text/html');
  res.end(`<h1>visits</h1> ${req.url}`);
});
server.listen(port, '0.0.0.0', () => console.log(`visits listening on ${port}`));
process.on('SIGTERM', () => process.exit(0));
