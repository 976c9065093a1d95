// Every <output data-call="/path"> shows what that path answers.
for (const output of document.querySelectorAll('output[data-call]')) show(output);

async function show(output) {
  try {
    const response = await fetch(output.dataset.call, { signal: AbortSignal.timeout(5000) });
    const body = await response.json();
    output.dataset.state = response.ok ? 'ok' : 'problem';
    output.textContent = response.ok ? body.message : (body.detail ?? `answered ${response.status}`);
  } catch {
    output.dataset.state = 'problem';
    output.textContent = 'no answer: is the service running?';
  }
}
