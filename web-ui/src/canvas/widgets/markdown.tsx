//! Notes as they are meant to look. Only what is text: nothing is loaded from elsewhere, and no HTML is believed.

import { Fragment, type ReactNode } from "react";

const INLINE = /`([^`\n]+)`|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s](?:[^*\n]*[^*\s])?)\*|!?\[([^\]\n]*)\]\(([^)\s]+)[^)\n]*\)|(https?:\/\/[^\s<>()]+)/g;

/** How deep emphasis stands in emphasis. */
const DEPTH = 4;

function inline(text: string, depth = 0): ReactNode[] {
  if (depth > DEPTH) return [text];
  const out: ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, strong, strong2, em, label, address, bare] = match;
    out.push(text.slice(from, match.index));
    from = match.index + whole.length;
    const url = address ?? bare;
    const key = match.index;
    if (code !== undefined) out.push(<code key={key}>{code}</code>);
    else if (strong !== undefined || strong2 !== undefined) out.push(<b key={key}>{inline(strong ?? strong2 ?? "", depth + 1)}</b>);
    else if (em !== undefined) out.push(<em key={key}>{inline(em, depth + 1)}</em>);
    else if (url !== undefined && /^https?:\/\//.test(url))
      out.push(
        <a key={key} href={url} target="_blank" rel="noreferrer" onPointerUp={(event) => event.stopPropagation()} onKeyDown={(event) => event.stopPropagation()}>
          {label ? inline(label, depth + 1) : url}
        </a>,
      );
    else out.push(label || whole);
  }
  out.push(text.slice(from));
  return out;
}

const lines = (texts: readonly string[]) => texts.map((it, i) => <Fragment key={i}>{i > 0 && <br />}{inline(it)}</Fragment>);

/** A kind of line: what stands at its beginning, and how lines of the kind that follow each other are shown. */
const BLOCKS: readonly (readonly [RegExp, (texts: string[]) => ReactNode])[] = [
  [/^\s*[-*+] +/, (texts) => <ul>{texts.map((it, i) => <li key={i}>{inline(it)}</li>)}</ul>],
  [/^\s*\d+[.)] +/, (texts) => <ol>{texts.map((it, i) => <li key={i}>{inline(it)}</li>)}</ol>],
  [/^> ?/, (texts) => <blockquote>{lines(texts)}</blockquote>],
  [/^#{1,6} +/, (texts) => texts.map((it, i) => <p key={i} className="md-head">{inline(it.replace(/ +#+$/, ""))}</p>)],
  [/^(?:---+|\*\*\*+|___+)\s*$/, () => <hr />],
];

export function Markdown({ text }: { text: string }) {
  const out: ReactNode[] = [];
  const rows = text.split(/\r?\n/);
  for (let at = 0; at < rows.length; ) {
    const start = at;
    const row = rows[at]!;
    if (!row.trim()) {
      at++;
      continue;
    }
    if (/^\s*```/.test(row)) {
      const end = rows.findIndex((it, i) => i > at && /^\s*```/.test(it));
      at = end < 0 ? rows.length : end + 1;
      out.push(<pre key={start}>{rows.slice(start + 1, end < 0 ? rows.length : end).join("\n")}</pre>);
      continue;
    }
    // A rule is looked for first, as one of stars would be a list.
    const rule = BLOCKS.at(-1)!;
    const kind = rule[0].test(row) ? rule : BLOCKS.find(([begins]) => begins.test(row));
    const texts: string[] = [];
    const same = (it: string) => (kind ? kind[0].test(it) : it.trim() !== "" && !/^\s*```/.test(it) && !BLOCKS.some(([begins]) => begins.test(it)));
    for (; at < rows.length && same(rows[at]!); at++) texts.push(kind ? rows[at]!.replace(kind[0], "") : rows[at]!);
    out.push(<Fragment key={start}>{kind ? kind[1](texts) : <p>{lines(texts)}</p>}</Fragment>);
  }
  return out;
}
