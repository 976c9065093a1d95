const http = require('http');
const port = Number(process.env.PORT || 4000);
const server = http.createServer((req, res) => {
  res.setHeader('content-type', 'text/html');
  res.end('<h1>extended api</h1> ' + req.url);
});
server.listen(port, '0.0.0.0', () => console.log('extended api listening on ' + port));
process.on('SIGTERM', () => process.exit(0));
