/** Lines that a part fills, indented by so many characters. */
type Count = (part: string, indent: number) => number;

/** What a level of nesting is indented by, and the deepest indentation that is reckoned with. */
const step = 2;
const deepest = 60;

/** An entry of a collection in braces or brackets that has begun. */
interface Item {
  readonly begin: number;
  readonly row: number;
  /** Another collection stands in it. */
  hasNested: boolean;
}

interface Flow {
  readonly isMap: boolean;
  /** The words of one command: they are one statement, as they would be in a string. */
  readonly isCommand: boolean;
  /** In brackets, outside of every other: rows of its entries that are pairs. */
  readonly pairRows?: number[];
  /** Of its entries, in block style. */
  readonly indent: number;
  item?: Item | undefined;
}

/** An entry of a list that says `name=value`. */
const pair = /^["']?[A-Za-z_][\w.-]*=/;

const commands = new Set(['command', 'entrypoint', 'test', 'shell', 'run']);

/**
 * For each physical line of a YAML text (from 0), how many lines the entries in braces that begin on it fill in block
 * style, one a line: `{a: 1, b: [x, y]}` is four. A list in brackets that stands in no braces is one statement, as the
 * words behind a directive are, but for maps in it and for pairs: `[A=1, B=2]` counts as `{A: 1, B: 2}`. Texts with `\n`
 * between double quotes count as the lines that they stand for. A scanner of its own: it takes time linear in the length
 * of the text, and reads on where the text is no YAML.
 */
export function yamlSums(text: string, countOf: Count): readonly number[] {
  const sums: number[] = [0];
  const flows: Flow[] = [];
  /** Column of the key or dash of an open text in `|` or `>`; -1 for a text without either. */
  let scalarIndent: number | undefined;
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  let row = 0;
  while (at < text.length) {
    const end = endOfLine(text, at);
    if (flows.length > 0) at = scanFlow(at);
    else if (isInScalar(at, end)) at = end;
    else at = scanBlock(at, end);
    if (text[at] === '\n') {
      at++;
      newRow();
    }
  }
  return sums;

  function newRow(): void {
    row++;
    sums.push(0);
  }

  function add(lines: number, to = row): void {
    sums[to] = (sums[to] ?? 0) + lines;
  }

  function isInScalar(begin: number, end: number): boolean {
    if (scalarIndent === undefined) return false;
    const first = firstOther(text, begin, end);
    if (first === end || first - begin > scalarIndent) return true;
    scalarIndent = undefined;
    return false;
  }

  /** One line outside of braces: dashes, perhaps a key, then what its value begins with. */
  function scanBlock(begin: number, end: number): number {
    let from = firstOther(text, begin, end);
    let dash = -1;
    while ((text[from] === '-' || text[from] === '?') && (from + 1 === end || isBlank(text[from + 1]))) {
      dash = from - begin;
      from = firstOther(text, from + 1, end);
    }
    const column = from - begin;
    let key: string | undefined;
    for (;;) {
      from = skipProperties(from, end);
      const ch = text[from];
      if (from >= end || ch === '#' || ch === '\r') return end;
      if (ch === '{' || ch === '[') {
        if (key !== undefined) add(1);
        const isCommand = ch === '[' && key !== undefined && commands.has(key);
        return openFlow(from, isCommand, key === undefined ? column : column + step);
      }
      if (ch === '|' || ch === '>') {
        add(1);
        scalarIndent = key === undefined ? dash : column;
        return end;
      }
      if (ch === '"' || ch === "'") {
        const wasRow = row;
        const close = scanQuoted(from);
        const next = firstOther(text, close, endOfLine(text, close));
        if (key === undefined && row === wasRow && isColon(next)) {
          key = text.slice(from + 1, close - 1);
          from = firstOther(text, next + 1, end);
          continue;
        }
        add(1 + breaksIn(from, close, column + step), wasRow);
        return endOfLine(text, close);
      }
      const colon = key === undefined ? colonIn(from, end) : -1;
      if (colon < 0) {
        add(1);
        return end;
      }
      key = text.slice(from, colon).trim();
      from = firstOther(text, colon + 1, end);
      if (from >= end || text[from] === '#' || text[from] === '\r') {
        add(1);
        return end;
      }
    }
  }

  /** Behind anchors and tags. */
  function skipProperties(begin: number, end: number): number {
    let from = begin;
    while (from < end && (text[from] === '&' || text[from] === '!')) {
      while (from < end && !isBlank(text[from])) from++;
      from = firstOther(text, from, end);
    }
    return from;
  }

  function isColon(offset: number): boolean {
    return text[offset] === ':' && (offset + 1 >= text.length || isBlank(text[offset + 1]));
  }

  /** Offset of the colon that ends a plain key; -1 where the line has none. */
  function colonIn(begin: number, end: number): number {
    for (let from = begin; from < end; from++) {
      if (isColon(from)) return from;
      if (text[from] === '#' && isBlank(text[from - 1])) return -1;
    }
    return -1;
  }

  /** Behind a quoted text, which may go over several lines. */
  function scanQuoted(begin: number): number {
    const quote = text[begin];
    for (let from = begin + 1; from < text.length; from++) {
      const ch = text[from];
      if (ch === '\n') newRow();
      else if (ch === '\\' && quote === '"') {
        if (text[from + 1] !== '\n') from++;
      } else if (ch === quote) {
        if (quote === '"' || text[from + 1] !== "'") return from + 1;
        from++;
      }
    }
    return text.length;
  }

  /** How many lines stand between double quotes as one; 0 where there is no break. */
  function breaksIn(begin: number, end: number, indent: number): number {
    if (text[begin] !== '"') return 0;
    const lines = text
      .slice(begin + 1, end - 1)
      .replace(/\\\\/g, '')
      .split(/\\[nNLP]/);
    if (lines.length < 2) return 0;
    return lines.reduce((sum, line) => sum + (/^\s*(?:#|$)/.test(line) ? 0 : countOf(line, indent)), 0);
  }

  function openFlow(begin: number, isCommand: boolean, indent: number): number {
    const isMap = text[begin] === '{';
    flows.push({ isMap, isCommand, indent, ...(isMap ? {} : { pairRows: [] }) });
    return scanFlow(begin + 1);
  }

  /** To the end of the collection. */
  function scanFlow(begin: number): number {
    let from = begin;
    for (let flow = flows.at(-1); flow && from < text.length; flow = flows.at(-1)) {
      const ch = text[from] ?? '';
      if (ch === '\n') {
        newRow();
        from++;
      } else if (isBlank(ch)) from++;
      else if (ch === '#' && isBlank(text[from - 1])) from = endOfLine(text, from);
      else if (ch === ',') {
        endItem(flow, from);
        from++;
      } else if (ch === ']' || ch === '}') {
        endItem(flow, from);
        // `[A=1, B=2]` is a map that is written as a list; one pair alone is not folded with another
        if (flow.pairRows && flow.pairRows.length > 1) for (const each of flow.pairRows) add(1, each);
        flows.pop();
        from++;
      } else {
        flow.item ??= { begin: from, row, hasNested: false };
        if (ch === '{' || ch === '[') {
          flow.item.hasNested = true;
          flows.push({ isMap: ch === '{', isCommand: false, indent: Math.min(flow.indent + step, deepest) });
          from++;
        } else if ((ch === '"' || ch === "'") && isBlankBefore(from)) {
          const wasRow = row;
          const close = scanQuoted(from);
          add(breaksIn(from, close, flow.indent + step), wasRow);
          from = close;
        } else from++;
      }
    }
    return flows.length > 0 ? from : endOfLine(text, from);
  }

  /** A quote in the middle of a word is part of it. */
  function isBlankBefore(offset: number): boolean {
    return isBlank(text[offset - 1]) || /[{[,:"]/.test(text[offset - 1] ?? '');
  }

  function endItem(flow: Flow, end: number): void {
    const { item } = flow;
    flow.item = undefined;
    if (!item || flow.isCommand) return;
    const isListed = flow.pairRows !== undefined && !item.hasNested;
    if (isListed) {
      if (pair.test(text.slice(item.begin, Math.min(end, item.begin + 100)))) flow.pairRows?.push(item.row);
    } else if (!item.hasNested)
      add(countOf(text.slice(item.begin, end), flow.indent + (flow.isMap ? 0 : step)), item.row);
    else if (flow.isMap || isEmptyCollection(text.slice(item.begin, Math.min(end, item.begin + 20)))) add(1, item.row);
  }
}

function isEmptyCollection(text: string): boolean {
  return /^(?:\{\s*\}|\[\s*\])\s*$/.test(text);
}

/** What ends a word. */
function isBlank(ch: string | undefined): boolean {
  return ch === ' ' || ch === '\t' || ch === '\n' || ch === '\r' || ch === undefined;
}

/** Offset of the first character that is no blank; `end` where there is none. */
function firstOther(text: string, begin: number, end: number): number {
  let at = begin;
  while (at < end && (text[at] === ' ' || text[at] === '\t')) at++;
  return at;
}

function endOfLine(text: string, begin: number): number {
  const end = text.indexOf('\n', begin);
  return end < 0 ? text.length : end;
}
