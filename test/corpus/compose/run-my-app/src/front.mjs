import { createServer } from 'node:http';

createServer(async (_, response) => {
  const answer = await fetch(process.env.BACK).then((each) => each.text());
  response.end(`front page, behind it: ${answer}`);
}).listen(7000);
