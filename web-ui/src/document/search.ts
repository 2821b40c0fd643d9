//! Fuzzy search: the letters of the query in order, whole words and beginnings of words first.

/** How well a text answers a query, higher is better; `null` where a letter is missing. Both in lower case. */
export function score(query: string, text: string): number | null {
  if (!query) return 0;
  const whole = text.indexOf(query);
  if (whole >= 0) return 1000 - whole - (text.length - query.length) * 0.5 + (whole === 0 || /[^a-z0-9]/.test(text[whole - 1]!) ? 200 : 0) + (text.length === query.length ? 500 : 0);
  let at = -1;
  let points = 0;
  let run = 0;
  for (const letter of query) {
    if (letter === " ") continue;
    const next = text.indexOf(letter, at + 1);
    if (next < 0) return null;
    run = next === at + 1 ? run + 1 : 0;
    points += run * 6 + (next === 0 || /[^a-z0-9]/.test(text[next - 1]!) ? 12 : 0) - Math.min(next - at - 1, 10);
    at = next;
  }
  return points;
}

/** The items that answer a query, best first; each item is searched in several texts, the first of which counts most. */
export function search<T>(query: string, items: readonly T[], texts: (item: T) => readonly string[]): T[] {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return [...items];
  const words = wanted.split(/\s+/);
  const found: { item: T; points: number }[] = [];
  for (const item of items) {
    let best = -Infinity;
    texts(item).forEach((text, i) => {
      const low = text.toLowerCase();
      const whole = score(wanted, low);
      const each = words.map((word) => score(word, low));
      const points = whole ?? (words.length > 1 && each.every((it) => it !== null) ? Math.min(...(each as number[])) - 20 : null);
      if (points !== null) best = Math.max(best, points - i * 40);
    });
    if (best > -40) found.push({ item, points: best });
  }
  return found.sort((a, b) => b.points - a.points).map((it) => it.item);
}
