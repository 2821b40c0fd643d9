//! Names and descriptions of nodes in the user's language, as packs of nodes bring them (`/i18n`).

import { isObject, type Json, type JsonObject } from "./json";

/** The first language that there are names in; none where the classes are in that language as they are. */
function tableFor(names: Json, languages: readonly string[]): JsonObject | null {
  if (!isObject(names)) return null;
  for (const language of languages) {
    const table = names[language] ?? names[language.replace(/-.*/, "")];
    if (isObject(table)) return isObject(table.nodeDefs) ? table.nodeDefs : null;
    // What servers say is English.
    if (/^en\b/.test(language)) return null;
  }
  return null;
}

const said = (value: Json | undefined, key: string): Json | undefined => (isObject(value) && typeof value[key] === "string" && value[key] ? value[key] : undefined);

/** An answer of `/object_info` with its titles, descriptions and labels in the first of the languages that there is. */
export function translated(info: Json, names: Json, languages: readonly string[]): Json {
  const table = tableFor(names, languages);
  if (!table || !isObject(info)) return info;
  const classes = Object.entries(info).map(([name, about]): [string, Json | undefined] => {
    const entry = table[name];
    if (!isObject(about) || !isObject(entry)) return [name, about];
    const labels = isObject(entry.inputs) ? entry.inputs : {};
    const outputs = isObject(entry.outputs) ? entry.outputs : {};
    const section = (inputs: Json | undefined): Json => Object.fromEntries(Object.entries(isObject(inputs) ? inputs : {}).map(([key, config]) => [key, labelled(config, labels[key])]));
    const input = isObject(about.input) ? about.input : {};
    const given: readonly Json[] = Array.isArray(about.output_name) ? about.output_name : [];
    return [
      name,
      {
        ...about,
        display_name: said(entry, "display_name") ?? about.display_name,
        description: said(entry, "description") ?? about.description,
        input: { ...input, required: section(input.required), optional: section(input.optional) },
        output_name: given.map((it, i) => said(outputs[String(i)], "name") ?? it),
        // Whoever knows the original name finds the node by it.
        search_aliases: [...(Array.isArray(about.search_aliases) ? (about.search_aliases as Json[]) : []), about.display_name ?? name],
      },
    ];
  });
  return Object.fromEntries(classes);
}

function labelled(config: Json | undefined, entry: Json | undefined): Json | undefined {
  if (!Array.isArray(config) || !isObject(entry)) return config;
  const [type, options] = config as Json[];
  const about = isObject(options) ? options : {};
  return [type ?? null, { ...about, display_name: said(entry, "name") ?? about.display_name, tooltip: said(entry, "tooltip") ?? about.tooltip }];
}
