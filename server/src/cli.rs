//! What can be typed.

use crate::error::Error;
use crate::serve::AfterCrash;
use clap::{Args, Parser, Subcommand, ValueEnum};
use models::residency::parse_size;
use runtime::{Folders, Policy};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Runs node-graph workflows of generative models.
#[derive(Debug, Parser)]
#[command(name = "burnish", version, after_help = EXIT_CODES)]
pub struct Burnish {
    /// Which command.
    #[command(subcommand)]
    pub command: Command,
}

/// Runs a workflow and says what it saved.
#[derive(Debug, Parser)]
#[command(name = "run-workflow", version, after_help = EXIT_CODES)]
pub struct RunWorkflow {
    /// The run.
    #[command(flatten)]
    pub run: RunArguments,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  done
    1  failed while running
    2  wrong command line
    3  invalid workflow
  130  interrupted";

/// The commands of `burnish`.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it is read once")]
pub enum Command {
    /// Run a workflow and say what it saved
    #[command(after_help = EXIT_CODES)]
    Run(RunArguments),
    /// Serve the editor, and ComfyUI's protocol to programs
    Serve(ServeArguments),
    /// Say everything that keeps a workflow from running
    Validate(ValidateArguments),
    /// Write a workflow in the other format
    Convert(ConvertArguments),
    /// List the node classes, or explain one
    Nodes(NodesArguments),
    /// List the models that are there and what they hold
    Models(ModelsArguments),
    /// Install, list, check, remove and begin packs of nodes
    Plugin(PluginArguments),
    /// Write what a shell needs to complete these commands to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Where files are.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Folders")]
pub struct Places {
    /// The directory of models, input, output and temp [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub base_directory: Option<PathBuf>,
    /// A directory of model folders (checkpoints, loras...); may be given again [default: models and workflows/models in the base
    /// directory]
    #[arg(long, value_name = "DIR")]
    pub models: Vec<PathBuf>,
    /// Where pictures are loaded from [default: input in the base directory]
    #[arg(long, value_name = "DIR", alias = "input-directory")]
    pub input: Option<PathBuf>,
    /// Where results are saved [default: output in the base directory]
    #[arg(long, value_name = "DIR", alias = "output-directory")]
    pub output: Option<PathBuf>,
    /// Where previews are saved [default: temp in the base directory]
    #[arg(long, value_name = "DIR", alias = "temp-directory")]
    pub temp: Option<PathBuf>,
    /// More model folders, in ComfyUI's extra_model_paths.yaml; may be given again
    #[arg(long, value_name = "FILE")]
    pub extra_model_paths_config: Vec<PathBuf>,
}

/// What `burnish run` takes.
#[derive(Args, Debug)]
pub struct RunArguments {
    /// The workflow, in the API format or as the editor saves it; - for standard input
    pub file: PathBuf,
    /// Give an input a value; NODE is an id, or a title or class that only one node has; VALUE is JSON or plain text; may be given
    /// again
    #[arg(long = "set", value_name = "NODE.INPUT=VALUE")]
    pub set: Vec<Assignment>,
    /// Give every seed of the workflow this value
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Run only what this output node needs; may be given again
    #[arg(long, value_name = "NODE")]
    pub only: Vec<String>,
    /// Where to compute: auto or cpu
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// The most that loaded models may take, such as 6GB [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory: Option<u64>,
    /// Which results are kept: classic, lru:N, ram or none
    #[arg(long, default_value = "ram", value_parser = policy)]
    pub cache: Policy,
    /// Leave the workflow out of saved files
    #[arg(long)]
    pub disable_metadata: bool,
    /// Write each event as a line of JSON
    #[arg(long)]
    pub json: bool,
    /// Say nothing but errors
    #[arg(long, short, conflicts_with = "json")]
    pub quiet: bool,
    /// Where files are.
    #[command(flatten)]
    pub places: Places,
}

/// What `burnish serve` takes.
#[derive(Args, Debug)]
pub struct ServeArguments {
    /// The addresses to listen at, separated by commas; without a value all of them
    #[arg(long, value_name = "ADDRESSES", default_value = "127.0.0.1", num_args = 0..=1, default_missing_value = "0.0.0.0,::")]
    #[arg(env = "BURNISH_LISTEN", value_delimiter = ',')]
    pub listen: Vec<IpAddr>,
    /// The port to listen at; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 8188, env = "BURNISH_PORT")]
    pub port: u16,
    /// Where to compute: auto or cpu; given again, jobs run side by side
    #[arg(long, default_value = "auto", env = "BURNISH_DEVICE")]
    pub device: Vec<String>,
    /// The most that loaded models may take on each device, such as 6GB [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, env = "BURNISH_MEMORY")]
    pub memory: Option<u64>,
    /// Which results are kept from job to job: classic, lru:N, ram or none
    #[arg(long, default_value = "ram", value_parser = policy, env = "BURNISH_CACHE")]
    pub cache: Policy,
    /// Leave the workflow out of saved files
    #[arg(long)]
    pub disable_metadata: bool,
    /// Whether to show how unfinished pictures look
    #[arg(long, value_enum, default_value_t = PreviewMethod::Auto, env = "BURNISH_PREVIEW_METHOD")]
    pub preview_method: PreviewMethod,
    /// What to do with the job that was running when the server died
    #[arg(long, value_enum, default_value_t = AfterCrash::Rerun, env = "BURNISH_AFTER_CRASH")]
    pub after_crash: AfterCrash,
    /// The most jobs that may wait
    #[arg(long, value_name = "N", default_value_t = 100_000, env = "BURNISH_MAX_QUEUE")]
    pub max_queue: usize,
    /// The largest upload, in MB
    #[arg(long, value_name = "MB", default_value_t = 100, env = "BURNISH_MAX_UPLOAD_SIZE")]
    pub max_upload_size: usize,
    /// The directory of settings, saved workflows and the queue [default: user in the base directory]
    #[arg(long, value_name = "DIR", help_heading = "Folders", env = "BURNISH_USER_DIRECTORY")]
    pub user_directory: Option<PathBuf>,
    /// The workflow that draws for /v1/images/generations [default: that of the demo model]
    #[arg(long, value_name = "FILE", env = "BURNISH_IMAGES_WORKFLOW")]
    pub images_workflow: Option<PathBuf>,
    /// A file of these options in TOML, such as `port = 8188`; the environment and the command line come before it
    #[arg(long, value_name = "FILE", env = "BURNISH_CONFIG")]
    pub config: Option<PathBuf>,
    /// Another editor than the one inside: a directory with an index.html
    #[arg(long, value_name = "DIR", help_heading = "Folders", env = "BURNISH_FRONT_END_ROOT")]
    pub front_end_root: Option<PathBuf>,
    /// What requests have to carry as `Authorization: Bearer TOKEN`; better given as an environment variable or as a file
    #[arg(long, value_name = "TOKEN", help_heading = "Security", env = "BURNISH_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// A file that holds the token
    #[arg(long, value_name = "FILE", help_heading = "Security", env = "BURNISH_TOKEN_FILE", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,
    /// Listen where others can reach it although there is no token: everybody can then run workflows and read results
    #[arg(long, help_heading = "Security")]
    pub allow_insecure_bind: bool,
    /// A host name under which the server is reached, beside localhost and IP addresses; may be given again
    #[arg(long, value_name = "NAME", help_heading = "Security", env = "BURNISH_ALLOWED_HOST", value_delimiter = ',')]
    pub allowed_host: Vec<String>,
    /// Another web site that may use the server, such as `https://example.org`; may be given again
    #[arg(long, value_name = "ORIGIN", help_heading = "Security", env = "BURNISH_ALLOWED_ORIGIN", value_delimiter = ',')]
    pub allowed_origin: Vec<String>,
    /// Keep the settings and saved workflows of several people apart. They have to trust each other: a name is no proof
    #[arg(long)]
    pub multi_user: bool,
    /// What is logged: error, warn, info, debug or trace, or a filter as `burnish=debug,warn`
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "BURNISH_LOG", help_heading = "Logging")]
    pub log_level: String,
    /// How it is written
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "BURNISH_LOG_FORMAT", help_heading = "Logging")]
    pub log_format: LogFormat,
    /// Where files are.
    #[command(flatten)]
    pub places: Places,
    /// What ComfyUI calls some of these options.
    #[command(flatten)]
    pub synonyms: Synonyms,
}

/// ComfyUI's names of options that have another form here.
#[derive(Args, Clone, Debug, Default)]
pub struct Synonyms {
    /// `--cache classic`
    #[arg(long, hide = true, conflicts_with_all = ["cache", "cache_lru", "cache_none", "cache_ram"])]
    pub cache_classic: bool,
    /// `--cache lru:N`
    #[arg(long, hide = true, value_name = "N", conflicts_with_all = ["cache", "cache_none", "cache_ram"])]
    pub cache_lru: Option<usize>,
    /// `--cache none`
    #[arg(long, hide = true, conflicts_with_all = ["cache", "cache_ram"])]
    pub cache_none: bool,
    /// `--cache ram`, with how much memory shall stay free, in GB
    #[arg(long, hide = true, value_name = "GB", num_args = 0..=1, default_missing_value = "2", conflicts_with = "cache")]
    pub cache_ram: Option<f64>,
    /// `--device cpu`
    #[arg(long, hide = true, conflicts_with = "device")]
    pub cpu: bool,
    /// `--log-level`
    #[arg(long, hide = true, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "DEBUG", conflicts_with = "log_level")]
    pub verbose: Option<String>,
    /// `--allowed-origin`
    #[arg(long, hide = true, value_name = "ORIGIN", num_args = 0..=1, default_missing_value = "*")]
    pub enable_cors_header: Option<String>,
}

impl ServeArguments {
    /// The same with everything that was said in ComfyUI's words said in the program's own.
    ///
    /// # Errors
    /// When it cannot be said here.
    pub fn with_synonyms(mut self) -> Result<Self, Error> {
        let said = std::mem::take(&mut self.synonyms);
        if said.cache_classic {
            self.cache = Policy::Classic;
        } else if let Some(count) = said.cache_lru {
            self.cache = Policy::Lru(count);
        } else if said.cache_none {
            self.cache = Policy::Nothing;
        } else if let Some(gigabytes) = said.cache_ram {
            if !(0.0..1e6).contains(&gigabytes) {
                return Err(Error::usage(format!("--cache-ram {gigabytes}: this is no number of gigabytes")));
            }
            let Policy::RamPressure { limit, .. } = Policy::default() else { return Ok(self) };
            self.cache = Policy::RamPressure { limit, headroom: (gigabytes * f64::from(1 << 30)) as usize };
        }
        if said.cpu {
            self.device = vec!["cpu".to_owned()];
        }
        if let Some(level) = said.verbose {
            self.log_level = match level.to_uppercase().as_str() {
                "DEBUG" => "debug",
                "INFO" => "info",
                "WARNING" => "warn",
                "ERROR" | "CRITICAL" => "error",
                _ => return Err(Error::usage(format!("--verbose {level}: use DEBUG, INFO, WARNING, ERROR or CRITICAL"))),
            }
            .to_owned();
        }
        match said.enable_cors_header {
            Some(origin) if origin == "*" => {
                let hint = "name the sites that may: --allowed-origin https://example.org";
                return Err(Error::usage_with(
                    "--enable-cors-header: every web site could use this server",
                    Some(hint.to_owned()),
                ));
            }
            Some(origin) => self.allowed_origin.push(origin),
            None => {}
        }
        Ok(self)
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines to be read
    Text,
    /// Lines of JSON
    Json,
}

/// How previews of unfinished pictures are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PreviewMethod {
    /// Not at all
    None,
    /// For clients that say that they can show them
    Auto,
    /// For all clients, by a linear guess
    Latent2rgb,
    /// For all clients, by the small autoencoders in models/vae_approx where they are, else by a guess
    Taesd,
}

/// What `burnish validate` takes.
#[derive(Args, Debug)]
pub struct ValidateArguments {
    /// The workflow; - for standard input
    pub file: PathBuf,
    /// Write the problems as JSON, in the form of ComfyUI's answer to a prompt
    #[arg(long)]
    pub json: bool,
    /// Where files are.
    #[command(flatten)]
    pub places: Places,
}

/// What `burnish convert` takes.
#[derive(Args, Debug)]
pub struct ConvertArguments {
    /// The workflow; - for standard input
    pub file: PathBuf,
    /// The format to write
    #[arg(long, value_enum, default_value_t = Target::Api)]
    pub to: Target,
    /// The classes of another server, saved from its /object_info, instead of the ones that are here
    #[arg(long, value_name = "FILE")]
    pub object_info: Option<PathBuf>,
    /// Where files are.
    #[command(flatten)]
    pub places: Places,
}

/// A format to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// What programs send
    Api,
    /// What the editor opens
    Editor,
}

/// What `burnish nodes` takes.
#[derive(Args, Debug)]
pub struct NodesArguments {
    /// A class to explain
    pub name: Option<String>,
    /// Where files are.
    #[command(flatten)]
    pub places: Places,
}

/// What `burnish models` takes.
#[derive(Args, Debug)]
pub struct ModelsArguments {
    /// Only this kind of folder, such as checkpoints
    pub kind: Option<String>,
    /// Where files are.
    #[command(flatten)]
    pub places: Places,
}

/// What `burnish plugin` takes.
#[derive(Args, Debug)]
pub struct PluginArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: PluginCommand,
}

/// What can be done with packs.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// List the packs, without starting any
    List {
        /// Where files are.
        #[command(flatten)]
        places: Places,
    },
    /// Start the packs and say which classes they offer, and why others cannot be had
    Check {
        /// Only this one
        name: Option<String>,
        /// Where files are.
        #[command(flatten)]
        places: Places,
    },
    /// Copy a pack and agree to it as it is; nothing of it runs meanwhile
    Install {
        /// A folder, or a Python file
        source: PathBuf,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        /// Where files are.
        #[command(flatten)]
        places: Places,
    },
    /// Take a pack away
    Remove {
        /// Its name
        name: String,
        /// Where files are.
        #[command(flatten)]
        places: Places,
    },
    /// Begin a pack of your own, in Python, with a node that works
    New {
        /// Its name
        name: String,
        /// Where files are.
        #[command(flatten)]
        places: Places,
    },
    /// Make the Python environment of a pack, of what its requirements.lock or requirements.txt names
    Environment {
        /// Its name
        name: String,
        /// Where files are.
        #[command(flatten)]
        places: Places,
    },
}

impl PluginCommand {
    /// Where files are.
    pub fn places(&self) -> &Places {
        match self {
            Self::List { places }
            | Self::Check { places, .. }
            | Self::Install { places, .. }
            | Self::Remove { places, .. }
            | Self::New { places, .. }
            | Self::Environment { places, .. } => places,
        }
    }
}

/// `NODE.INPUT=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// `NODE.INPUT`; both may hold further points.
    pub place: String,
    /// `VALUE`.
    pub value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((place, value)) if place.contains('.') => Ok(Self { place: place.to_owned(), value: value.to_owned() }),
            _ => Err("write NODE.INPUT=VALUE, as in 5.steps=30".to_owned()),
        }
    }
}

fn policy(text: &str) -> Result<Policy, String> {
    match text.split_once(':') {
        None if text == "classic" => Ok(Policy::Classic),
        None if text == "ram" => Ok(Policy::default()),
        None if text == "none" => Ok(Policy::Nothing),
        Some(("lru", count)) => {
            count.parse().map(Policy::Lru).map_err(|_| format!("`{count}` is not how many results to keep: write lru:100"))
        }
        _ => Err("use classic, lru:N, ram or none".to_owned()),
    }
}

impl Places {
    fn base(&self) -> Result<PathBuf, Error> {
        match &self.base_directory {
            Some(base) => directory("--base-directory", base),
            None => std::env::current_dir().map_err(|it| Error::usage(format!("the current directory is gone: {it}"))),
        }
    }

    /// The directory of packs of nodes, which need not be there.
    ///
    /// # Errors
    /// When the base directory is none.
    pub fn custom_nodes(&self) -> Result<PathBuf, Error> {
        Ok(self.base()?.join("custom_nodes"))
    }

    /// The folders that these options describe.
    ///
    /// # Errors
    /// When a directory that was named is none, or a file of model paths cannot be read.
    pub fn folders(&self) -> Result<Folders, Error> {
        let base = self.base()?;
        let mut models = models::Folders::none();
        if self.models.is_empty() {
            add(&mut models, &base.join("models"))?;
            let demo = base.join("workflows/models");
            if demo.is_dir() {
                add(&mut models, &demo)?;
            }
        }
        for root in &self.models {
            add(&mut models, &directory("--models", root)?)?;
        }
        for file in &self.extra_model_paths_config {
            let yaml = std::fs::read_to_string(file)
                .map_err(|it| Error::usage(format!("--extra-model-paths-config {}: cannot be read: {it}", file.display())))?;
            models.add_extra_paths(&yaml, file)?;
        }
        let place = |given: &Option<PathBuf>, name: &str| given.clone().unwrap_or_else(|| base.join(name));
        Ok(Folders {
            input: place(&self.input, "input"),
            output: place(&self.output, "output"),
            temp: place(&self.temp, "temp"),
            models,
        })
    }
}

fn directory(option: &str, path: &Path) -> Result<PathBuf, Error> {
    if path.is_dir() {
        return Ok(path.to_owned());
    }
    Err(Error::usage(format!("{option} {}: there is no such directory", path.display())))
}

/// Adds the folders of a directory of models behind those that are there.
fn add(models: &mut models::Folders, root: &Path) -> Result<(), Error> {
    let more = models::Folders::new(root);
    for kind in more.kinds() {
        for directory in more.directories(kind)? {
            models.add(kind, directory.clone(), false);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_declarations_do_not_contradict_themselves() {
        Burnish::command().debug_assert();
        RunWorkflow::command().debug_assert();
    }

    #[test]
    fn an_assignment_is_split_at_its_first_equals_sign() {
        let set: Assignment = "2.text=a=b".parse().expect("well formed");
        assert_eq!((set.place.as_str(), set.value.as_str()), ("2.text", "a=b"));
        for wrong in ["", "2", "2.text", "text=1"] {
            assert!(wrong.parse::<Assignment>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn policies_have_names() {
        assert_eq!(policy("lru:7"), Ok(Policy::Lru(7)));
        assert_eq!(policy("none"), Ok(Policy::Nothing));
        for wrong in ["lru", "lru:x", "lru:-1", "ram:1", ""] {
            assert!(policy(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_demo_models_are_found_beside_the_users_own() {
        let base = tempfile::tempdir().expect("a directory");
        let places = Places { base_directory: Some(base.path().to_owned()), ..Places::default() };
        assert_eq!(places.folders().expect("folders").models.directories("vae").expect("a kind").len(), 1);
        std::fs::create_dir_all(base.path().join("workflows/models")).expect("a directory");
        let folders = places.folders().expect("folders");
        let expected = ["models/vae", "workflows/models/vae"].map(|it| base.path().join(it));
        assert_eq!(folders.models.directories("vae").expect("a kind"), expected);
        assert_eq!(folders.output, base.path().join("output"));
    }
}
