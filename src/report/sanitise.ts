/**
 * Control sequences of a terminal (ECMA-48, also in their 8-bit forms), longest first:
 * strings (OSC, DCS, SOS, PM, APC) up to their terminator, CSI sequences, other escapes.
 */
const sequences = new RegExp(
  [
    '(?:\\x1b[\\]PX^_]|[\\x9d\\x90\\x98\\x9e\\x9f])[^\\x07\\x1b\\x9c]*(?:\\x07|\\x1b\\\\|\\x9c|$)',
    '(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]',
    '\\x1b[ -/]*[0-~]',
    // what is left of controls, except the tab; marks that turn the direction of what follows
    '[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]',
  ].join('|'),
  'g',
);
const colour = /^\x1b\[[\d;:]*m$/;
const reset = '\x1b[0m';

/**
 * Makes one line of another program's output harmless: nothing in it moves the cursor, sets the title, writes
 * the clipboard, rings or draws outside its line. Colours stay where `keepColour` is set and are closed at the
 * end. Applying it twice changes nothing.
 */
export function sanitise(line: string, keepColour: boolean): string {
  const visible = afterReturn(line.toWellFormed().replace(/[\u2028\u2029]/g, ' '));
  let hasColour = false;
  const clean = visible.replace(sequences, (found) => {
    if (!keepColour || !colour.test(found)) return '';
    hasColour = true;
    return found;
  });
  return hasColour && !clean.endsWith(reset) ? clean + reset : clean;
}

/** A progress bar writes its line again and again after a carriage return: the last writing is what one would see. */
function afterReturn(line: string): string {
  if (!line.includes('\r')) return line;
  return line.split('\r').findLast((piece) => piece !== '') ?? '';
}
