// Shows openapi.json, and lets every route be tried.
"use strict";

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** An example of a schema: what a first try would send. */
function example(schema, schemas) {
  if (schema.$ref) return example(schemas[schema.$ref.split("/").pop()], schemas);
  if (schema.type === "object") {
    const required = (schema.required || []).map((name) => [name, example((schema.properties || {})[name] || {}, schemas)]);
    return Object.fromEntries(required);
  }
  return { string: "", integer: 1, number: 0, boolean: false, array: [] }[schema.type] ?? {};
}

async function attempt(method, path, parameters, body, output) {
  let url = path;
  const query = new URLSearchParams();
  for (const { parameter, input } of parameters) {
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value) query.set(parameter.name, input.value);
  }
  const token = document.getElementById("token").value;
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(query.size ? `${url}?${query}` : url, { method: method.toUpperCase(), headers, body: body?.value });
    const text = await answer.text();
    let shown = text.slice(0, 100000);
    try {
      shown = JSON.stringify(JSON.parse(text), null, 2).slice(0, 100000);
    } catch {
      // What is no JSON is shown as it is.
    }
    output.textContent = `${answer.status} ${answer.statusText}\n${shown}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function route(path, method, about, schemas) {
  const details = make("details", {}, make("summary", {}, make("span", { className: "method", textContent: method }),
    make("code", { textContent: path }), ` ${about.summary}`));
  const parameters = about.parameters.map((parameter) => {
    const input = make("input", { placeholder: parameter.description || "" });
    details.append(make("label", {}, parameter.name, input));
    return { parameter, input };
  });
  const schema = about.requestBody?.content["application/json"]?.schema;
  const body = schema && make("textarea", { value: JSON.stringify(example(schema, schemas), null, 2), ariaLabel: "Body" });
  if (body) details.append(body);
  const output = make("pre", { textContent: "" });
  if (path !== "/ws") {
    details.append(make("button", { textContent: "Try", onclick: () => attempt(method, path, parameters, body, output) }), output);
  }
  return details;
}

async function show() {
  const api = await (await fetch("/openapi.json")).json();
  document.getElementById("about").textContent = `${api.info.description} Version ${api.info.version}.`;
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, about] of Object.entries(methods)) {
      const name = about.tags[0];
      if (!groups.has(name)) groups.set(name, make("section", {}, make("h2", { textContent: name })));
      groups.get(name).append(route(path, method, about, api.components.schemas));
    }
  }
  document.getElementById("routes").append(...groups.values());
}

show();
