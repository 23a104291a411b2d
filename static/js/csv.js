/* Reading the records of a CSV text, for showing the beginning of a report; the server reads what is imported. */

/** Split `text` into records; the last one is dropped when the text may have been cut inside it. */
export function parse(text, { cut = false, most = Infinity } = {}) {
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
    } else if (letter === ",") {
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
