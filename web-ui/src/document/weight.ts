//! Weights of words in a prompt: `(a cat:1.10)`.

export interface Edited {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Makes the selection, or the word at the cursor, count more or less. Weight 1 is written without brackets. */
export function reweighted(text: string, start: number, end: number, by: number): Edited {
  if (start === end) {
    while (start > 0 && !/[\s,.()[\]{}]/.test(text[start - 1]!)) start--;
    while (end < text.length && !/[\s,.()[\]{}:]/.test(text[end]!)) end++;
  }
  while (end > start && text[end - 1] === " ") end--;
  if (start === end) return { text, start, end };
  let inner = text.slice(start, end);
  let weight = 1;
  let [from, to] = [start, end];
  const inside = /^\(([\s\S]*):(-?\d*\.?\d+)\)$/.exec(inner);
  const behind = text[start - 1] === "(" ? /^:(-?\d*\.?\d+)\)/.exec(text.slice(end)) : null;
  if (inside) {
    inner = inside[1]!;
    weight = Number(inside[2]);
  } else if (behind) {
    from = start - 1;
    to = end + behind[0].length;
    weight = Number(behind[1]);
  }
  const next = Math.round((weight + by) * 100) / 100;
  const made = next === 1 ? inner : `(${inner}:${next.toFixed(2)})`;
  const at = from + (next === 1 ? 0 : 1);
  return { text: text.slice(0, from) + made + text.slice(to), start: at, end: at + inner.length };
}
