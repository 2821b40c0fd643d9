//! The command line as it was typed, with what a file of options says where nothing was.
//!
//! A file holds options of `burnish serve` under the names that they have there, in TOML: `port = 8188`, `listen = ["127.0.0.1"]`,
//! `multi-user = true`. What the file says comes before the defaults, the environment before the file, what was typed before both.

use crate::cli::{Burnish, Command as Chosen};
use crate::error::Error;
use crate::out;
use clap::{ArgAction, Command, CommandFactory, FromArgMatches};
use graph::did_you_mean;
use std::ffi::OsString;
use std::path::Path;
use toml::{Table, Value};

/// Options of ComfyUI that mean nothing here, and why.
const IGNORED: &[(&str, &str)] = &[
    ("--auto-launch", "no browser is opened"),
    ("--disable-auto-launch", "no browser is opened anyway"),
    ("--dont-print-server", "--log-level says what is written"),
    ("--log-stdout", "the log goes to standard error"),
    ("--gpu-only", "--memory says how much models may take"),
    ("--highvram", "--memory says how much models may take"),
    ("--normalvram", "--memory says how much models may take"),
    ("--lowvram", "--memory says how much models may take"),
    ("--novram", "--memory says how much models may take"),
    ("--disable-smart-memory", "--memory says how much models may take"),
    ("--enable-compress-response-body", "texts are always compressed"),
    ("--disable-all-custom-nodes", "there are no custom nodes"),
    ("--disable-api-nodes", "there are no nodes that ask other servers"),
    ("--windows-standalone-build", "nothing depends on it"),
    ("--use-pytorch-cross-attention", "there is one attention, the fast one"),
    ("--use-split-cross-attention", "there is one attention, the fast one"),
    ("--use-quad-cross-attention", "there is one attention, the fast one"),
    ("--disable-xformers", "there is one attention, the fast one"),
];

/// Reads what was typed, and the file that it names.
///
/// # Errors
/// When the file cannot be read or says what cannot be said. A wrong command line ends the program, as usual.
pub fn read() -> Result<Burnish, Error> {
    let mut typed: Vec<OsString> = std::env::args_os().collect();
    if typed.get(1).is_some_and(|it| it == "serve") {
        typed.retain(|it| {
            let known = IGNORED.iter().find(|(name, _)| it == *name);
            if let Some((name, why)) = known {
                out::note(format_args!("{name} is ignored: {why}"));
            }
            known.is_none()
        });
    }
    let (first, _) = parse(Burnish::command(), &typed);
    let Chosen::Serve(arguments) = &first.command else { return Ok(first) };
    let Some(file) = &arguments.config else { return Ok(first) };
    let text =
        std::fs::read_to_string(file).map_err(|it| Error::usage(format!("--config {}: cannot be read: {it}", file.display())))?;
    Ok(parse(with_file(Burnish::command(), file, &text)?, &typed).0)
}

fn parse(command: Command, typed: &[OsString]) -> (Burnish, Command) {
    let mut command = command;
    let matches = command.try_get_matches_from_mut(typed).unwrap_or_else(|it| it.exit());
    (Burnish::from_arg_matches(&matches).unwrap_or_else(|it| it.format(&mut command).exit()), command)
}

/// The commands with what a file says as defaults.
fn with_file(command: Command, file: &Path, text: &str) -> Result<Command, Error> {
    let name = file.display();
    let table: Table = text.parse().map_err(|it: toml::de::Error| {
        let line = it
            .span()
            .map_or(1, |span| text.as_bytes()[..span.start.min(text.len())].iter().filter(|it| **it == b'\n').count() + 1);
        Error::usage(format!("{name}: line {line}: {}", it.message()))
    })?;
    let mut command = command;
    let serve = command.find_subcommand("serve").expect("it is a command").clone();
    let options: Vec<_> = serve.get_arguments().filter(|it| it.get_long().is_some() && it.get_id() != "config").collect();
    for (key, value) in &table {
        let Some(option) = options
            .iter()
            .find(|it| it.get_long() == Some(key) || it.get_all_aliases().is_some_and(|all| all.contains(&key.as_str())))
        else {
            let names = options.iter().filter(|it| !it.is_hide_set()).filter_map(|it| it.get_long());
            return Err(Error::usage_with(format!("{name}: there is no option `{key}`"), did_you_mean(key, names)));
        };
        let wrong = |why: String| Error::usage(format!("{name}: `{key}`: {why}"));
        let is_switch = matches!(option.get_action(), ArgAction::SetTrue);
        let values =
            values(value).ok_or_else(|| wrong("this has to be a text, a number, true, false or a list of these".to_owned()))?;
        if is_switch {
            match values.as_slice() {
                [one] if one == "true" => {}
                [one] if one == "false" => continue,
                _ => return Err(wrong("this has to be true or false".to_owned())),
            }
        } else {
            // Judged one by one, so that the message names the file and not the command line.
            let flags = values.iter().map(|it| format!("--{key}={it}"));
            let tried = serve.clone().no_binary_name(true).try_get_matches_from(flags);
            if let Err(error) = tried {
                let text = error.to_string();
                let reason = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
                return Err(wrong(reason));
            }
        }
        let id = option.get_id().clone();
        // Read once, and the options live as long as the program.
        let values: Vec<&'static str> = values.into_iter().map(|it| &*it.leak()).collect();
        command = command.mut_subcommand("serve", |it| it.mut_arg(id, |it| it.default_values(values)));
    }
    Ok(command)
}

/// The words of a value, as they would be typed.
fn values(value: &Value) -> Option<Vec<String>> {
    let word = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(whole) => Some(whole.to_string()),
        Value::Float(real) => Some(real.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    };
    match value {
        Value::Array(values) => values.iter().map(word).collect(),
        one => word(one).map(|it| vec![it]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ServeArguments;
    use runtime::Policy;

    fn serve(text: &str, typed: &[&str]) -> Result<ServeArguments, Error> {
        let command = with_file(Burnish::command(), Path::new("b.toml"), text)?;
        let typed: Vec<OsString> = ["burnish", "serve"].iter().chain(typed).map(Into::into).collect();
        match parse(command, &typed).0.command {
            Chosen::Serve(arguments) => arguments.with_synonyms(),
            other => panic!("{other:?}"),
        }
    }

    fn refusal(text: &str) -> String {
        serve(text, &[]).unwrap_err().to_string()
    }

    #[test]
    fn what_a_file_says_is_the_default() {
        let text = "port = 9000\nlisten = [\"127.0.0.2\", \"::1\"]\ncache = \"lru:7\"\nmulti-user = true\ndisable-metadata = false\n\
            output-directory = \"/somewhere\"\nallowed-host = [\"a\", \"b\"]\n";
        let arguments = serve(text, &[]).unwrap();
        assert_eq!((arguments.port, arguments.listen.len(), arguments.cache), (9000, 2, Policy::Lru(7)));
        assert!(arguments.multi_user && !arguments.disable_metadata);
        assert_eq!(arguments.places.output.as_deref(), Some(Path::new("/somewhere")));
        assert_eq!(arguments.allowed_host, ["a", "b"]);
    }

    #[test]
    fn what_is_typed_comes_before_the_file() {
        let arguments = serve("port = 9000\ncache = \"none\"\n", &["--port", "9001", "--cache-lru", "3"]).unwrap();
        assert_eq!((arguments.port, arguments.cache), (9001, Policy::Lru(3)));
    }

    #[test]
    fn what_a_file_cannot_say_is_named_with_the_file() {
        assert!(refusal("prot = 1").contains("b.toml: there is no option `prot`"));
        assert!(refusal("prot = 1").contains("port"));
        assert!(refusal("port = \"many\"").contains("b.toml: `port`: "));
        assert!(refusal("port = 1\nport = 2").contains("b.toml: line 2"));
        assert!(refusal("multi-user = 3").contains("`multi-user`"));
        assert!(refusal("[serve]\nport = 1").contains("no option `serve`"));
        assert!(refusal("port = [[1]]").contains("`port`"));
        assert!(refusal("config = \"c.toml\"").contains("no option `config`"));
    }

    #[test]
    fn options_are_known_by_the_names_that_comfyui_gives_them() {
        let arguments =
            serve("", &["--cache-none", "--cpu", "--verbose", "WARNING", "--enable-cors-header", "http://a.example"]).unwrap();
        assert_eq!(
            (arguments.cache, arguments.device, arguments.log_level),
            (Policy::Nothing, vec!["cpu".to_owned()], "warn".to_owned())
        );
        assert_eq!(arguments.allowed_origin, ["http://a.example"]);
        assert_eq!(serve("", &["--cache-classic"]).unwrap().cache, Policy::Classic);
        assert!(matches!(serve("", &["--cache-ram", "4"]).unwrap().cache, Policy::RamPressure { headroom: 0x1_0000_0000, .. }));
        assert!(serve("", &["--enable-cors-header"]).unwrap_err().to_string().contains("--allowed-origin"));
        assert!(serve("", &["--verbose", "LOUD"]).is_err());
    }
}
