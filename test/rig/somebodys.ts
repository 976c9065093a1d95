const dockerfile = (port: number): string =>
  `FROM node:24-alpine\nWORKDIR /app\nCOPY . .\nEXPOSE ${port}\nCMD ["node", "main.js"]\n`;

/** A project that camp did not make: no Caddyfile, no word of camp, two services that are built, one of them with two replicas. */
export const somebodys: Readonly<Record<string, string>> = {
  'compose.yaml': `services:
  web:
    build: ./web
    ports: ["18473:3000"]
    depends_on: [api]
    environment:
      API_URL: http://api:5000
  api:
    build: ./api
    deploy: { replicas: 2 }
    expose: ["5000"]
`,
  'web/package.json': '{"name": "web", "scripts": {"start": "node main.js"}}\n',
  'web/main.js': `const answer = async (_, response) => {
  const inner = await fetch(process.env.API_URL);
  response.end('web ' + (await inner.text()));
};
require('node:http').createServer(answer).listen(process.env.PORT || 3000);
process.on('SIGTERM', () => process.exit(0));
`,
  'web/Dockerfile': dockerfile(3000),
  'api/package.json': '{"name": "api", "scripts": {"start": "node main.js"}}\n',
  'api/main.js': `require('node:http').createServer((_, response) => response.end('api')).listen(process.env.PORT || 5000);
process.on('SIGTERM', () => process.exit(0));
`,
  'api/Dockerfile': dockerfile(5000),
};
