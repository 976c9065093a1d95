const http = require('node:http');
const port = Number(process.env.PORT || 8080);
const server = http.createServer((req, res) => {
  res.setHeader('content-type', 'text/html');
  res.end(`<h1>hardened app</h1> ${req.url}`);
});
server.listen(port, '0.0.0.0', () => console.log(`hardened app listening on ${port}`));
process.on('SIGINT', () => process.exit(0));
