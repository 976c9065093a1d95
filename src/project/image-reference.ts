/** What an image may be called (distribution/reference): a host in any case, a path in lower case, a tag, a digest. */
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const host = String.raw`(?:${label}(?:\.${label})*|\[[0-9A-Fa-f:]+\])(?::\d+)?`;
const part = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}';
const reference = new RegExp(String.raw`^(?:${host}/)?${part}(?:/${part})*(?::\w[\w.-]{0,127})?(?:@${digest})?$`);

/** What is wrong with the name of an image, and a better one where it can be guessed; undefined where nothing is. */
export function imageFault(image: string): { readonly why: string; readonly better?: string } | undefined {
  if (reference.test(image)) return undefined;
  const better = [lowered(image), image.trim()].find((one) => reference.test(one));
  return { why: reasonOf(image), ...(better === undefined ? {} : { better }) };
}

/** Its path in lower case; the tag may have capitals. */
function lowered(image: string): string {
  return image.replace(/^[^@]*?(?=(?::[^/@]*)?(?:@.*)?$)/, (path) => path.toLowerCase());
}

function reasonOf(image: string): string {
  if (/\s/.test(image)) return 'there is a blank in it';
  if (/:$/.test(image)) return 'nothing follows its colon';
  if (reference.test(lowered(image))) return 'there are capitals in it';
  return 'it is not NAME, NAME:TAG or NAME@DIGEST';
}
