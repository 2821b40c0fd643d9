//! `/v1/chat/completions` and `/v1/completions`: language models for programs that know OpenAI's interface.
//!
//! A request becomes a job like any other: a graph that opens the model and lets it write. What it writes is heard as every client hears
//! it, in an outbox; how it ended is in the history.

use crate::serve::answer::{Refusal, json, read_json};
use crate::serve::app::App;
use crate::serve::hub::Client;
use crate::serve::routes::openai::{Waited, ended, failed, wrong};
use crate::serve::routes::prompt;
use crate::serve::store::Listed;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Map, Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The most tokens that a request may ask for, as the nodes have it.
const MOST_TOKENS: u64 = 1 << 20;
/// Texts that end an answer.
const MOST_STOPS: usize = 16;
/// Pieces of an answer that wait for a slow client.
const PIECES: usize = 64;
/// The node that writes.
const WRITER: &str = "4";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/chat/completions", post(chat)).route("/v1/completions", post(complete))
}

/// Which of the two routes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Chat,
    Text,
}

/// What a request asks for.
struct Wish {
    kind: Kind,
    model: String,
    prompt: Value,
    stream: bool,
    /// Whether a stream ends with how many tokens there were.
    usage: bool,
}

/// What asks for nothing that is not done anyway.
fn is_harmless(name: &str, value: &Value) -> bool {
    match name {
        "user" | "metadata" | "store" | "service_tier" | "safety_identifier" | "prompt_cache_key" => true,
        "n" | "best_of" => *value == 1,
        "logprobs" | "echo" => *value == false,
        "tools" | "functions" => value.as_array().is_some_and(Vec::is_empty),
        "logit_bias" => value.as_object().is_some_and(Map::is_empty),
        "tool_choice" => value == "none",
        "response_format" => value["type"] == "text",
        "modalities" => *value == json!(["text"]),
        _ => value.is_null(),
    }
}

/// Takes what a request says, piece by piece, so that in the end it is known what was not understood.
struct Request(Map<String, Value>);

impl Request {
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|it| !it.is_null())
    }

    fn number(&mut self, name: &str, usual: f64) -> Result<f64, Refusal> {
        let Some(value) = self.take(name) else { return Ok(usual) };
        value.as_f64().ok_or_else(|| wrong(name, format!("`{name}` is a number")))
    }

    fn whole(&mut self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let whole = value.as_u64().filter(|it| *it <= MOST_TOKENS);
        whole.map(Some).ok_or_else(|| wrong(name, format!("`{name}` is a whole number, at most {MOST_TOKENS}")))
    }

    fn truth(&mut self, name: &str) -> Result<bool, Refusal> {
        let Some(value) = self.take(name) else { return Ok(false) };
        value.as_bool().ok_or_else(|| wrong(name, format!("`{name}` is true or false")))
    }

    fn stops(&mut self) -> Result<Vec<String>, Refusal> {
        let list = match self.take("stop") {
            None => return Ok(Vec::new()),
            Some(Value::String(one)) => vec![Value::String(one)],
            Some(Value::Array(list)) if list.len() <= MOST_STOPS => list,
            Some(_) => return Err(wrong("stop", format!("`stop` is a text, or a list of at most {MOST_STOPS}"))),
        };
        let text = |it: Value| it.as_str().map(str::to_owned).ok_or_else(|| wrong("stop", "`stop` holds texts"));
        list.into_iter().map(text).collect()
    }
}

/// The turns of a conversation, whose contents are texts, or lists of parts that are texts.
fn messages(value: Option<Value>) -> Result<Vec<Value>, Refusal> {
    let Some(Value::Array(turns)) = value else { return Err(wrong("messages", "`messages` is a list of turns")) };
    if turns.is_empty() {
        return Err(wrong("messages", "`messages` is empty: there is nothing to answer"));
    }
    let turn = |(at, turn): (usize, &Value)| {
        let name = format!("messages.{at}");
        let role = turn["role"].as_str().ok_or_else(|| wrong(&name, format!("`{name}.role` is a text")))?;
        let content = match &turn["content"] {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let text = |part: &Value| (part["type"] == "text").then(|| part["text"].as_str().map(str::to_owned)).flatten();
                let texts: Option<Vec<String>> = parts.iter().map(text).collect();
                texts
                    .ok_or_else(|| wrong(&name, format!("`{name}.content` has parts that are no texts: only those are read")))?
                    .concat()
            }
            _ => return Err(wrong(&name, format!("`{name}.content` is a text, or a list of texts"))),
        };
        // A newer name for the same.
        let role = if role == "developer" { "system" } else { role };
        Ok(json!({ "role": role, "content": content }))
    };
    turns.iter().enumerate().map(turn).collect()
}

impl Wish {
    fn read(body: &[u8], kind: Kind, models: &[String]) -> Result<Self, Refusal> {
        let Value::Object(request) = read_json(body)? else { return Err(wrong("body", "the request is an object")) };
        let mut request = Request(request);
        let model = match request.take("model") {
            None => models.first().cloned(),
            Some(name) => models.iter().find(|it| name == it.as_str()).cloned(),
        };
        let model = model.ok_or_else(|| {
            let message = match models.is_empty() {
                true => "there is no language model here: put one into the folder `language_models`".to_owned(),
                false => format!("there is no such language model here; there are: {}", models.join(", ")),
            };
            let error =
                json!({ "message": message, "type": "invalid_request_error", "param": "model", "code": "model_not_found" });
            Refusal::Prompt(StatusCode::NOT_FOUND, json!({ "error": error }))
        })?;
        let longest = [request.whole("max_completion_tokens")?, request.whole("max_tokens")?];
        let usual = if kind == Kind::Chat { MOST_TOKENS } else { 16 };
        let most = longest.into_iter().flatten().next().unwrap_or(usual).max(1);
        let seed = match request.take("seed") {
            None => uuid::Uuid::new_v4().as_u64_pair().0 >> 12,
            Some(seed) => seed
                .as_u64()
                .or_else(|| seed.as_i64().map(i64::cast_unsigned))
                .ok_or_else(|| wrong("seed", "`seed` is a whole number"))?,
        };
        // As every line is a text, an end of a line is written in two letters.
        let stops: Vec<String> = request.stops()?.iter().map(|it| it.replace('\n', "\\n")).collect();
        let options = json!({
            "top_k": request.whole("top_k")?.unwrap_or(0),
            "top_p": request.number("top_p", 1.0)?,
            "min_p": request.number("min_p", 0.0)?,
            "repetition_penalty": request.number("repetition_penalty", 1.0)?,
            "presence_penalty": request.number("presence_penalty", 0.0)?,
            "frequency_penalty": request.number("frequency_penalty", 0.0)?,
            "stop": stops.join("\n"),
        });
        let mut writer = json!({
            "model": ["1", 0], "options": ["2", 0],
            "max_tokens": most, "temperature": request.number("temperature", 1.0)?, "seed": seed,
        });
        let mut prompt = json!({
            "1": { "class_type": "LanguageModelLoader", "inputs": { "model_name": model } },
            "2": { "class_type": "LanguageModelOptions", "inputs": options },
        });
        let class = match kind {
            Kind::Chat => {
                let turns = Value::Array(messages(request.take("messages"))?).to_string();
                prompt["3"] = json!({ "class_type": "LanguageModelConversation", "inputs": { "messages": turns } });
                (writer["conversation"], writer["prompt"]) = (json!(["3", 0]), "".into());
                "LanguageModelChat"
            }
            Kind::Text => {
                let text = match request.take("prompt") {
                    Some(Value::Array(mut list)) if list.len() == 1 => list.remove(0),
                    other => other.unwrap_or_default(),
                };
                if !text.is_string() {
                    return Err(wrong("prompt", "`prompt` is one text"));
                }
                writer["text"] = text;
                "LanguageModelComplete"
            }
        };
        prompt[WRITER] = json!({ "class_type": class, "inputs": writer });
        prompt["5"] = json!({ "class_type": "PreviewAny", "inputs": { "source": [WRITER, 0] } });
        let stream = request.truth("stream")?;
        let usage = request.take("stream_options").is_some_and(|it| it["include_usage"] == true);
        if let Some((name, _)) = request.0.iter().find(|(name, value)| !is_harmless(name, value)) {
            return Err(wrong(name, format!("`{name}` is not supported here: leave it out")));
        }
        Ok(Self { kind, model, prompt, stream, usage })
    }
}

/// What a model wrote.
struct Written {
    text: String,
    reason: Value,
    usage: Value,
}

impl Written {
    fn of(job: &Listed) -> Result<Self, Refusal> {
        let outputs: Value = job.outputs.as_deref().and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
        let (text, about) = (&outputs[WRITER]["text"][0], &outputs[WRITER]["answer"][0]);
        let text = text.as_str().ok_or_else(|| failed("the job ended without an answer"))?.to_owned();
        let count = |name: &str| about[name].as_u64().unwrap_or(0);
        let (read, written) = (count("prompt_tokens"), count("completion_tokens"));
        let usage = json!({ "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written });
        Ok(Self { text, reason: about["finish_reason"].clone(), usage })
    }
}

/// What all answers to one request have in common.
struct Form {
    kind: Kind,
    id: String,
    created: i64,
    model: String,
}

impl Form {
    fn new(wish: &Wish, job: &str) -> Self {
        let id = format!("{}-{job}", if wish.kind == Kind::Chat { "chatcmpl" } else { "cmpl" });
        Self { kind: wish.kind, id, created: crate::serve::time::now() / 1000, model: wish.model.clone() }
    }

    fn with(&self, object: &str, choices: &Value, usage: Option<Value>) -> Value {
        let mut all = json!({
            "id": self.id, "object": object, "created": self.created, "model": self.model, "choices": choices,
        });
        if let Some(usage) = usage {
            all["usage"] = usage;
        }
        all
    }

    fn whole(&self, written: Written) -> Value {
        let Written { text, reason, usage } = written;
        let mut choice = json!({ "index": 0, "logprobs": null, "finish_reason": reason });
        let object = match self.kind {
            Kind::Chat => {
                choice["message"] = json!({ "role": "assistant", "content": text });
                "chat.completion"
            }
            Kind::Text => {
                choice["text"] = text.into();
                "text_completion"
            }
        };
        self.with(object, &json!([choice]), Some(usage))
    }

    /// A piece of a text; the first says who speaks, the last why it ended.
    fn piece(&self, text: &str, first: bool, reason: &Value) -> Value {
        let mut choice = json!({ "index": 0, "logprobs": null, "finish_reason": reason });
        let object = match self.kind {
            Kind::Chat => {
                let mut delta = json!({});
                if first {
                    delta["role"] = "assistant".into();
                }
                if reason.is_null() {
                    delta["content"] = text.into();
                }
                choice["delta"] = delta;
                "chat.completion.chunk"
            }
            Kind::Text => {
                choice["text"] = text.into();
                "text_completion"
            }
        };
        self.with(object, &json!([choice]), None)
    }
}

async fn chat(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Refusal> {
    answer(app, body, Kind::Chat).await
}

async fn complete(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Refusal> {
    answer(app, body, Kind::Text).await
}

/// The outbox of a request, which nobody else hears.
struct Ear {
    app: Arc<App>,
    client: Arc<Client>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.app.hub.leave(&self.client);
    }
}

async fn answer(app: Arc<App>, body: Bytes, kind: Kind) -> Result<Response, Refusal> {
    let wish = app.wait(move |app| Wish::read(&body, kind, &app.settings.folders.files("language_models"))).await??;
    let ear = Ear { app: app.clone(), client: app.hub.join(format!("v1-{}", uuid::Uuid::new_v4().simple())) };
    let request = json!({ "prompt": wish.prompt, "client_id": ear.client.id }).to_string();
    let id = app
        .wait(move |app| {
            let accepted = prompt::accept(app, request.as_bytes())?;
            Ok::<_, Refusal>(accepted.answer["prompt_id"].as_str().unwrap_or_default().to_owned())
        })
        .await??;
    let waited = Waited::new(app.clone(), vec![id.clone()]);
    let form = Form::new(&wish, &id);
    if wish.stream {
        let (told, mut heard) = mpsc::channel(PIECES);
        tokio::spawn(async move {
            // Whoever went away needs no more.
            tell(&ear, &id, &form, wish.usage, &told, waited).await.ok();
        });
        let pieces = futures_util::stream::poll_fn(move |cx| heard.poll_recv(cx));
        return Ok(Sse::new(pieces).keep_alive(KeepAlive::default()).into_response());
    }
    let job = ended(&app, &id).await?;
    waited.end();
    Ok(json(&form.whole(Written::of(&job)?)).into_response())
}

type Told = mpsc::Sender<Result<Event, Infallible>>;

/// Tells what a model writes while it does, until it is done or nobody listens.
async fn tell(
    ear: &Ear,
    id: &str,
    form: &Form,
    usage: bool,
    told: &Told,
    waited: Waited,
) -> Result<(), mpsc::error::SendError<()>> {
    let say = async |value: &Value| {
        told.send(Ok(Event::default().data(value.to_string()))).await.map_err(|_| mpsc::error::SendError(()))
    };
    if form.kind == Kind::Chat {
        say(&form.piece("", true, &Value::Null)).await?;
    }
    let mut so_far = String::new();
    let done = ended(&ear.app, id);
    tokio::pin!(done);
    let job = loop {
        tokio::select! {
            text = ear.client.next_words() => {
                let Some(text) = text else { return Ok(()) };
                if let Some(new) = text.strip_prefix(&so_far).filter(|it| !it.is_empty()) {
                    say(&form.piece(new, false, &Value::Null)).await?;
                    so_far = text;
                }
            }
            job = &mut done => break job,
            () = told.closed() => return Ok(()),
        }
    };
    waited.end();
    match job.and_then(|it| Written::of(&it)) {
        Ok(written) => {
            if let Some(new) = written.text.strip_prefix(&so_far).filter(|it| !it.is_empty()) {
                say(&form.piece(new, false, &Value::Null)).await?;
            }
            say(&form.piece("", false, &written.reason)).await?;
            if usage {
                let object = if form.kind == Kind::Chat { "chat.completion.chunk" } else { "text_completion" };
                say(&form.with(object, &json!([]), Some(written.usage))).await?;
            }
        }
        Err(Refusal::Prompt(_, error)) => say(&error).await?,
        Err(_) => say(&json!({ "error": { "message": "this is a bug in burnish", "type": "server_error" } })).await?,
    }
    told.send(Ok(Event::default().data("[DONE]"))).await.map_err(|_| mpsc::error::SendError(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, request: &Value) -> Result<Wish, Value> {
        Wish::read(request.to_string().as_bytes(), kind, &["tiny".to_owned()]).map_err(|it| match it {
            Refusal::Prompt(_, error) => error["error"].clone(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_request_becomes_a_graph() {
        let wish = read(
            Kind::Chat,
            &json!({
                "model": "tiny", "stream": true, "stop": ["\n\n", "x"], "temperature": 0, "max_tokens": 7, "seed": 3, "user": "me", "n": 1,
                "messages": [{ "role": "developer", "content": [{ "type": "text", "text": "be " }, { "type": "text", "text": "kind" }] }],
            }),
        )
        .unwrap();
        assert!(wish.stream && !wish.usage);
        assert_eq!(wish.prompt["2"]["inputs"]["stop"], "\\n\\n\nx");
        let turns: Value = serde_json::from_str(wish.prompt["3"]["inputs"]["messages"].as_str().unwrap()).unwrap();
        assert_eq!(turns, json!([{ "role": "system", "content": "be kind" }]));
        let writer = &wish.prompt[WRITER]["inputs"];
        assert_eq!((&writer["max_tokens"], &writer["temperature"], &writer["seed"]), (&json!(7), &json!(0.0), &json!(3)));
        let wish = read(Kind::Text, &json!({ "prompt": ["once"] })).unwrap();
        assert_eq!((wish.model.as_str(), &wish.prompt[WRITER]["inputs"]["text"]), ("tiny", &json!("once")));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let turns = json!([{ "role": "user", "content": "x" }]);
        for (kind, request, names) in [
            (Kind::Chat, json!({}), "messages"),
            (Kind::Chat, json!({ "messages": [] }), "messages"),
            (Kind::Chat, json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] }), "messages.0"),
            (Kind::Chat, json!({ "messages": turns, "model": "gpt" }), "model"),
            (Kind::Chat, json!({ "messages": turns, "n": 2 }), "n"),
            (Kind::Chat, json!({ "messages": turns, "tools": [{}] }), "tools"),
            (Kind::Chat, json!({ "messages": turns, "surprise": 1 }), "surprise"),
            (Kind::Chat, json!({ "messages": turns, "temperature": "hot" }), "temperature"),
            (Kind::Chat, json!({ "messages": turns, "stream": 1 }), "stream"),
            (Kind::Text, json!({ "prompt": ["a", "b"] }), "prompt"),
            (Kind::Text, json!({ "prompt": "a", "logprobs": 3 }), "logprobs"),
        ] {
            let error = read(kind, &request).err().unwrap_or_else(|| panic!("{request}"));
            assert_eq!(error["param"], names, "{request}");
        }
    }
}
