const http = require('node:http');
const port = Number(process.env.PORT || 3000);
const server = http.createServer((req, res) => {
  res.setHeader('content-type', 'text/html');
  res.end(`<h1>mixed web</h1> ${req.url}`);
});
server.listen(port, '0.0.0.0', () => console.log(`mixed web listening on ${port}`));
process.on('SIGTERM', () => process.exit(0));
