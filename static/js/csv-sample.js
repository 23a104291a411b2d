/*
 * The first lines of a chosen file, read in the browser so that columns can be matched before anything is sent. The
 * server reads the whole file again by itself; this is a preview, never the import.
 */

const SAMPLE = 256 * 1024;
const DELIMITERS = [",", ";", "\t", "|"];
const ENCODINGS = { "utf-8": "utf-8", "utf-16": "utf-16le", "windows-1252": "windows-1252" };

export const encodings = Object.keys(ENCODINGS);

function detectEncoding(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16";
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return "utf-8";
  } catch (broken) {
    return "windows-1252";
  }
}

/** Split text into records; the last one is dropped when the sample may have cut it. */
export function parse(text, delimiter, { cut = false, most = Infinity } = {}) {
  const records = [];
  let record = [];
  let value = "";
  let quoted = false;
  let started = false;
  for (let at = 0; at < text.length && records.length < most; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter === '"' && text[at + 1] === '"') { value += '"'; at += 1; } else if (letter === '"') quoted = false;
      else value += letter;
    } else if (letter === '"' && value === "") {
      quoted = true;
      started = true;
    } else if (letter === delimiter) {
      record.push(value);
      value = "";
      started = true;
    } else if (letter === "\n" || letter === "\r") {
      if (letter === "\r" && text[at + 1] === "\n") at += 1;
      if (started || value) { record.push(value); records.push(record); }
      record = [];
      value = "";
      started = false;
    } else {
      value += letter;
    }
  }
  if (!cut && records.length < most && (started || value)) { record.push(value); records.push(record); }
  return records;
}

function detectDelimiter(text, cut) {
  let best = [",", 0];
  for (const delimiter of DELIMITERS) {
    const widths = parse(text, delimiter, { cut, most: 20 }).map((record) => record.length);
    const width = widths[0] || 0;
    const score = width > 1 ? width * widths.filter((one) => one === width).length : 0;
    if (score > best[1]) best = [delimiter, score];
  }
  return best[0];
}

/** Read the start of `file`: `{encoding, delimiter, header, rows, lines}`; null for a spreadsheet. */
export async function readSample(file, { encoding = null, delimiter = null } = {}) {
  if (/\.xlsx$/i.test(file.name)) return null;
  const bytes = new Uint8Array(await file.slice(0, SAMPLE).arrayBuffer());
  const cut = file.size > SAMPLE;
  const usedEncoding = encoding || detectEncoding(bytes);
  const text = new TextDecoder(ENCODINGS[usedEncoding]).decode(bytes, { stream: cut }).replace(/^\ufeff/, "");
  const usedDelimiter = delimiter || detectDelimiter(text, cut);
  const [header = [], ...rows] = parse(text, usedDelimiter, { cut, most: 200 });
  return { encoding: usedEncoding, delimiter: usedDelimiter, header, rows, lines: text.split(/\r\n|\r|\n/, 4) };
}

const folded = (text) => text.toLowerCase().replace(/[\s_-]/g, "");

/** Which attribute a header means, by key or label, ignoring case, spaces, `_` and `-`; null when none does. */
export function matchHeader(header, attributes) {
  const wanted = folded(header);
  const found = attributes.find((attribute) => folded(attribute.key) === wanted) || attributes.find((attribute) => folded(attribute.label) === wanted);
  if (found) return found.key;
  if (/^phones?\d*$/.test(wanted)) return "phones";
  return /^e?mails?\d*$/.test(wanted) ? "emails" : null;
}
