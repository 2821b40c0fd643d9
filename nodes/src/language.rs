//! Language models: what they answer, how they go on, and what a picture model shall read.

use crate::loaders::{find, load_error};
use models::LanguageModel;
use models::language::{Answer, Choosing, Conversation, Message, Options, Prompt};
use runtime::{Context, Node, NodeError, Registry, Run, Shown, registry};
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![
        LanguageModelLoader,
        LanguageModelOptions,
        LanguageModelConversation,
        LanguageModelChat,
        LanguageModelComplete,
        LanguageModelEnhancePrompt,
        LanguageModelCountTokens
    ]
}

/// The most tokens that may be asked for.
const MOST_TOKENS: u64 = 1 << 20;
/// The shortest time between two looks at a text that grows.
const PAUSE: Duration = Duration::from_millis(50);
/// A conversation has fewer turns.
const MOST_TURNS: usize = 10_000;

/// Opens a language model with its tokenizer: a GGUF file, or a folder with safetensors.
///
/// Nothing is read beyond the table of contents and the tokenizer until a text is needed.
#[derive(Node)]
#[node(display = "Load Language Model", category = "language", outputs(LANGUAGE_MODEL = "Writes texts."))]
struct LanguageModelLoader {
    /// The file or the folder, from the folder `language_models`.
    #[input(files = "language_models")]
    model_name: String,
}

impl Run for LanguageModelLoader {
    type Output = LanguageModel;

    fn run(self, cx: &Context) -> Result<LanguageModel, NodeError> {
        let path = find(cx, "language_models", &self.model_name, "model_name")?;
        LanguageModel::open(&path).map_err(|error| load_error(error, "model_name"))
    }
}

/// How a language model chooses its words, beyond what every node that writes asks for.
#[derive(Node)]
#[node(
    display = "Language Model Options",
    category = "language",
    outputs(LANGUAGE_OPTIONS = "For nodes that let a model write.")
)]
struct LanguageModelOptions {
    /// So many of the likeliest tokens may be chosen; 0 means all.
    #[input(default = 0, min = 0, max = MOST_TOKENS)]
    top_k: u64,
    /// The likeliest tokens may be chosen that together are this likely; 1 means all.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    top_p: f64,
    /// Tokens may be chosen that are at least this likely in parts of the likeliest; 0 means all.
    #[input(default = 0.0, min = 0.0, max = 1.0, step = 0.01)]
    min_p: f64,
    /// Above 1, what was read or written already becomes less likely.
    #[input(default = 1.0, min = 0.01, max = 100.0, step = 0.05)]
    repetition_penalty: f64,
    /// Above 0, what was written already becomes less likely.
    #[input(default = 0.0, min = -100.0, max = 100.0, step = 0.05)]
    presence_penalty: f64,
    /// Above 0, what was written already becomes less likely each time.
    #[input(default = 0.0, min = -100.0, max = 100.0, step = 0.05)]
    frequency_penalty: f64,
    /// The text ends before any of these, one in each line. `\n` stands for the end of a line.
    #[input(multiline, optional)]
    stop: Option<String>,
}

impl Run for LanguageModelOptions {
    type Output = Options;

    fn run(self, _: &Context) -> Result<Options, NodeError> {
        let choosing = Choosing {
            repetition: self.repetition_penalty as f32,
            presence: self.presence_penalty as f32,
            frequency: self.frequency_penalty as f32,
            top_k: usize::try_from(self.top_k).unwrap_or(usize::MAX),
            top_p: self.top_p as f32,
            min_p: self.min_p as f32,
            ..Choosing::default()
        };
        choosing.check()?;
        let stop = self.stop.unwrap_or_default();
        let stops = stop.lines().filter(|it| !it.is_empty()).map(|it| it.replace("\\n", "\n")).collect();
        Ok(Options { choosing, most: 0, stops })
    }
}

/// Reads a conversation that is written as JSON: a list of `{"role": ..., "content": ...}`, as OpenAI's interface has it.
#[derive(Node)]
#[node(display = "Conversation (JSON)", category = "language", outputs(CONVERSATION = "For a model to answer."))]
struct LanguageModelConversation {
    /// The turns, the first one first. Roles are `system`, `user` and `assistant`, as a rule.
    #[input(multiline, default = r#"[{"role": "user", "content": "Hello!"}]"#)]
    messages: String,
}

impl Run for LanguageModelConversation {
    type Output = Conversation;

    fn run(self, _: &Context) -> Result<Conversation, NodeError> {
        let wrong = |reason: String| {
            let hint = r#"write it as [{"role": "user", "content": "Hello!"}]"#;
            NodeError::new(format!("this is no conversation: {reason}")).at("messages").hint(hint)
        };
        let turns: Vec<Message> = serde_json::from_str(&self.messages).map_err(|it| wrong(it.to_string()))?;
        if turns.len() > MOST_TURNS {
            return Err(wrong(format!("it has {} turns, and {MOST_TURNS} are the most", turns.len())));
        }
        Ok(Conversation(turns.into()))
    }
}

/// Lets a language model answer. Its words are shown while they come.
#[derive(Node)]
#[node(
    display = "Chat",
    category = "language",
    outputs(STRING = "The answer.", CONVERSATION = "The conversation with the question and the answer, to go on with.")
)]
struct LanguageModelChat {
    /// The language model. It must have been taught to answer.
    model: LanguageModel,
    /// What it is asked. Where a conversation ends with a question already, this may be empty.
    #[input(multiline)]
    prompt: String,
    /// The answer has at most so many tokens, which are words or parts of them.
    #[input(default = 512, min = 1, max = MOST_TOKENS)]
    max_tokens: u64,
    /// How freely words are chosen. 0 always takes the likeliest.
    #[input(default = 0.7, min = 0.0, max = 100.0, step = 0.05)]
    temperature: f64,
    /// What decides between words. The same seed gives the same answer.
    #[input(default = 0, min = 0, max = u64::MAX, control_after_generate)]
    seed: u64,
    /// What it shall be and how it shall answer.
    #[input(multiline, optional)]
    system: Option<String>,
    /// What was said before.
    conversation: Option<Conversation>,
    /// How words are chosen.
    options: Option<Options>,
}

impl Run for LanguageModelChat {
    type Output = (String, Conversation);

    fn run(self, cx: &Context) -> Result<(String, Conversation), NodeError> {
        let system = self.system.filter(|it| !it.trim().is_empty()).map(|it| Message::new("system", it));
        let question = (!self.prompt.trim().is_empty()).then(|| Message::new("user", self.prompt));
        let before = self.conversation.unwrap_or_default();
        let asked = Conversation(system.into_iter().collect()).with(before.0.iter().cloned()).with(question);
        if asked.0.is_empty() {
            return Err(NodeError::new("there is nothing to answer").at("prompt").hint("ask something, or link a conversation"));
        }
        let options = options(self.options, self.max_tokens, self.temperature, self.seed);
        let answer = write(cx, &self.model, Prompt::Chat(&asked.0), &options)?;
        let all = asked.with([Message::new("assistant", answer.text.as_str())]);
        Ok((answer.text, all))
    }
}

/// Lets a language model go on with a text. Its words are shown while they come.
#[derive(Node)]
#[node(
    display = "Complete Text",
    category = "language",
    outputs(STRING = "What follows the text.", STRING = "The text and what follows it.")
)]
struct LanguageModelComplete {
    /// The language model.
    model: LanguageModel,
    /// The text.
    #[input(multiline)]
    text: String,
    /// At most so many tokens follow, which are words or parts of them.
    #[input(default = 128, min = 1, max = MOST_TOKENS)]
    max_tokens: u64,
    /// How freely words are chosen. 0 always takes the likeliest.
    #[input(default = 0.7, min = 0.0, max = 100.0, step = 0.05)]
    temperature: f64,
    /// What decides between words. The same seed gives the same text.
    #[input(default = 0, min = 0, max = u64::MAX, control_after_generate)]
    seed: u64,
    /// How words are chosen.
    options: Option<Options>,
}

impl Run for LanguageModelComplete {
    type Output = (String, String);

    fn run(self, cx: &Context) -> Result<(String, String), NodeError> {
        let options = options(self.options, self.max_tokens, self.temperature, self.seed);
        let answer = write(cx, &self.model, Prompt::Text(&self.text), &options)?;
        let whole = format!("{}{}", self.text, answer.text);
        Ok((answer.text, whole))
    }
}

/// Lets a language model turn an idea into a prompt for a picture model.
#[derive(Node)]
#[node(display = "Enhance Prompt", category = "language", outputs(STRING = "The prompt, in one line."))]
struct LanguageModelEnhancePrompt {
    /// The language model. It must have been taught to answer.
    model: LanguageModel,
    /// The idea.
    #[input(multiline)]
    prompt: String,
    /// The prompt has at most so many tokens, which are words or parts of them.
    #[input(default = 120, min = 1, max = MOST_TOKENS)]
    max_tokens: u64,
    /// How freely words are chosen. 0 always takes the likeliest.
    #[input(default = 0.7, min = 0.0, max = 100.0, step = 0.05)]
    temperature: f64,
    /// What decides between words. The same seed gives the same prompt.
    #[input(default = 0, min = 0, max = u64::MAX, control_after_generate)]
    seed: u64,
    /// What it shall do with the idea. Without a word here it is only told the idea.
    #[input(
        multiline,
        default = "Describe the picture that the user asks for in one vivid sentence: what it shows, where, the light and the style. \
                   Answer with that sentence alone."
    )]
    instruction: String,
    /// How words are chosen.
    options: Option<Options>,
}

impl Run for LanguageModelEnhancePrompt {
    type Output = String;

    fn run(self, cx: &Context) -> Result<String, NodeError> {
        let system = (!self.instruction.trim().is_empty()).then(|| Message::new("system", self.instruction));
        let asked: Vec<Message> = system.into_iter().chain([Message::new("user", self.prompt)]).collect();
        let options = options(self.options, self.max_tokens, self.temperature, self.seed);
        let answer = write(cx, &self.model, Prompt::Chat(&asked), &options)?;
        let line = answer.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let bare = line.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(&line).to_owned();
        if bare.is_empty() {
            return Err(NodeError::new("the model answered nothing").hint("another seed or a higher temperature may help"));
        }
        Ok(bare)
    }
}

/// Counts the tokens of a text, which are what a model reads: words or parts of them.
#[derive(Node)]
#[node(display = "Count Tokens", category = "language", outputs(INT = "How many tokens the text has."))]
struct LanguageModelCountTokens {
    /// The language model, whose tokenizer counts.
    model: LanguageModel,
    /// The text.
    #[input(multiline)]
    text: String,
}

impl Run for LanguageModelCountTokens {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        let count = self.model.tokens(Prompt::Text(&self.text))?.len();
        Ok(i64::try_from(count)?)
    }
}

/// The options of a node that writes, of which every such node has these three.
fn options(linked: Option<Options>, most: u64, temperature: f64, seed: u64) -> Options {
    let Options { choosing, stops, .. } = linked.unwrap_or(Options { choosing: Choosing::default(), most: 0, stops: Vec::new() });
    let choosing = Choosing { temperature: temperature as f32, seed, ..choosing };
    Options { choosing, most: usize::try_from(most).unwrap_or(usize::MAX), stops }
}

/// Lets a model write. Its text is shown while it grows, and as a whole in the end, with how it ended.
fn write(cx: &Context, model: &LanguageModel, prompt: Prompt<'_>, options: &Options) -> Result<Answer, NodeError> {
    let mut text = String::new();
    let mut last: Option<Instant> = None;
    let answer = model.answer(prompt, options, cx.engine(), cx, &mut |piece| {
        text += piece;
        if last.is_none_or(|it| it.elapsed() >= PAUSE) {
            last = Some(Instant::now());
            cx.text(text.clone());
        }
    })?;
    cx.text(answer.text.clone());
    cx.show(Shown::Text(answer.text.clone()));
    cx.show(Shown::Data { key: "answer".to_owned(), value: about(&answer) });
    Ok(answer)
}

/// How an answer ended, and how many tokens were read and written.
fn about(answer: &Answer) -> Json {
    json!({
        "finish_reason": answer.reason.as_str(),
        "prompt_tokens": answer.read,
        "completion_tokens": answer.tokens.len(),
    })
}
