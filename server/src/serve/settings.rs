//! What the command line asks for, checked.

use crate::cli::{PreviewMethod, ServeArguments};
use crate::error::Error;
use crate::serve::store::AfterCrash;
use runtime::{Folders, Policy};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// How the server is set up.
pub(crate) struct Settings {
    pub addresses: Vec<SocketAddr>,
    pub devices: Vec<String>,
    pub memory: Option<u64>,
    pub cache: Policy,
    pub metadata: bool,
    pub previews: PreviewMethod,
    pub after_crash: AfterCrash,
    /// The most jobs that may wait.
    pub most_jobs: usize,
    /// Bytes.
    pub most_upload: usize,
    pub folders: Arc<Folders>,
    pub user: PathBuf,
    pub front_end: Option<PathBuf>,
    pub token: Option<String>,
    /// What draws for /v1/images/generations; the demo model where nobody chose.
    pub images_workflow: Option<PathBuf>,
    pub multi_user: bool,
    pub hosts: Vec<String>,
    pub origins: Vec<String>,
}

impl Settings {
    /// Checks what was typed.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub(crate) fn from_arguments(arguments: ServeArguments) -> Result<Self, Error> {
        let token = token(&arguments)?;
        let open = arguments.listen.iter().find(|it| !it.is_loopback());
        if let (Some(address), None, false) = (open, &token, arguments.allow_insecure_bind) {
            return Err(Error::usage_with(
                format!("--listen {address}: others could run workflows and read your files there, for there is no token"),
                Some("set BURNISH_TOKEN to a long secret, or say --allow-insecure-bind if the network is yours alone".to_owned()),
            ));
        }
        if let Some(root) = arguments.front_end_root.as_ref().filter(|it| !it.join("index.html").is_file()) {
            return Err(Error::usage(format!("--front-end-root {}: there is no index.html in it", root.display())));
        }
        let folders = arguments.places.folders()?;
        let base = arguments.places.base_directory.clone().unwrap_or_else(|| PathBuf::from("."));
        let mut origins = Vec::new();
        for origin in &arguments.allowed_origin {
            let origin = origin.trim_end_matches('/').to_lowercase();
            if !origin.contains("://") {
                return Err(Error::usage(format!("--allowed-origin {origin}: write it as https://example.org")));
            }
            origins.push(origin);
        }
        Ok(Self {
            addresses: arguments.listen.iter().map(|it| SocketAddr::new(*it, arguments.port)).collect(),
            devices: arguments.device,
            memory: arguments.memory,
            cache: arguments.cache,
            metadata: !arguments.disable_metadata,
            previews: arguments.preview_method,
            after_crash: arguments.after_crash,
            most_jobs: arguments.max_queue,
            most_upload: arguments.max_upload_size.saturating_mul(1 << 20),
            folders: Arc::new(folders),
            user: arguments.user_directory.unwrap_or_else(|| base.join("user")),
            front_end: arguments.front_end_root,
            token,
            images_workflow: arguments.images_workflow,
            multi_user: arguments.multi_user,
            hosts: arguments.allowed_host.iter().map(|it| it.to_lowercase()).collect(),
            origins,
        })
    }
}

fn token(arguments: &ServeArguments) -> Result<Option<String>, Error> {
    let token = match (&arguments.token, &arguments.token_file) {
        (Some(token), _) => Some(token.clone()),
        (None, Some(file)) => Some(
            std::fs::read_to_string(file)
                .map_err(|it| Error::usage(format!("--token-file {}: cannot be read: {it}", file.display())))?,
        ),
        (None, None) => None,
    };
    let token = token.map(|it| it.trim().to_owned());
    if token.as_ref().is_some_and(String::is_empty) {
        return Err(Error::usage("the token is empty: nobody would be kept out"));
    }
    Ok(token)
}
