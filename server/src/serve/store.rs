//! The jobs on disk: all SQL there is.
//!
//! A job is a row, and its life is the column `state`: `pending`, `running`, then exactly one of `completed`, `failed` and `cancelled`. Every
//! change names the state that it starts from, so a job cannot end twice. The database is in WAL mode: what was committed survives the
//! death of the process, and reading does not wait for writing.

use parking_lot::Mutex;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use std::fmt::Write;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The jobs of one server.
pub(crate) struct Store {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    /// Held as long as the server lives, so that no other takes the same jobs.
    _lock: File,
}

/// Why the jobs cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Another server has them.
    #[error("{0}: another `burnish serve` uses these jobs; stop it, or give this one its own --user-directory")]
    Taken(PathBuf),
    /// The files cannot be opened.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A newer version wrote them.
    #[error("{path}: it was written by a newer version (format {found}, this one knows {VERSION})")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The format found.
        found: i64,
    },
    /// SQLite failed.
    #[error("the database of jobs failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// A job of this id was accepted before.
    #[error("there is a job {0} already")]
    Duplicate(String),
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    Pending,
    Running,
    Completed,
    Failed,
    Cancelled,
}

/// A job that is to be accepted. Texts are JSON.
#[derive(Debug)]
pub(crate) struct NewJob {
    pub id: String,
    pub number: f64,
    pub client: Option<String>,
    pub workflow: Option<String>,
    pub prompt: String,
    pub extra: String,
    pub targets: String,
    pub created: i64,
}

/// A job that is to be run.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub id: String,
    pub client: Option<String>,
    pub prompt: String,
    pub extra: String,
    pub targets: String,
}

/// How a job ended. Texts are JSON.
#[derive(Debug)]
pub(crate) struct Ending {
    pub state: State,
    pub outputs: String,
    pub meta: String,
    pub status: String,
    /// What the `execution_error` message said.
    pub error: Option<String>,
}

/// A job as lists show it. Texts are JSON.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub id: String,
    pub number: f64,
    pub state: State,
    pub workflow: Option<String>,
    pub prompt: String,
    pub extra: String,
    pub targets: String,
    pub created: i64,
    pub started: Option<i64>,
    pub ended: Option<i64>,
    pub outputs: Option<String>,
    pub meta: Option<String>,
    pub status: Option<String>,
    pub error: Option<String>,
}

/// What a list shows, and in which order.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub states: Vec<State>,
    pub workflow: Option<String>,
    pub by_duration: bool,
    pub ascending: bool,
    pub limit: Option<u32>,
    pub offset: u32,
}

/// What to do with jobs that were running when the server died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum AfterCrash {
    /// Run them again
    Rerun,
    /// Mark them as failed
    Fail,
}

/// The format of the database.
const VERSION: i64 = 1;
/// A job that was running this many times when the server died is given up: it may well be the reason.
const MOST_ATTEMPTS: i64 = 3;
/// Ended jobs that are kept; the oldest go first.
const MOST_ENDED: i64 = 10_000;
/// Ids that one statement names.
const AT_ONCE: usize = 500;

const SCHEMA: &str = "
    CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        number REAL NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
        client TEXT,
        workflow TEXT,
        prompt TEXT NOT NULL,
        extra TEXT NOT NULL,
        targets TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        created INTEGER NOT NULL,
        started INTEGER,
        ended INTEGER,
        -- The order in which jobs ended.
        place INTEGER,
        outputs TEXT,
        meta TEXT,
        status TEXT,
        error TEXT
    ) STRICT;
    CREATE INDEX waiting ON jobs (number, seq) WHERE state = 'pending';
    CREATE INDEX working ON jobs (seq) WHERE state = 'running';
    CREATE INDEX past ON jobs (place) WHERE place IS NOT NULL;
    CREATE INDEX times ON jobs (created);
";

const LISTED: &str = "id, number, state, workflow, prompt, extra, targets, created, started, ended, outputs, meta, status, error";

/// What the history shows: jobs that ran and ended. A job that was taken out of the queue before it ran leaves none.
const IN_HISTORY: &str = "place IS NOT NULL AND started IS NOT NULL";

impl State {
    const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Cancelled];

    fn sql(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Store {
    /// Opens the jobs of a directory, which is made if it is not there. Says what happened to jobs that were running: how many run again.
    pub(crate) fn open(directory: &Path, after: AfterCrash, now: i64) -> Result<Self, StoreError> {
        let file = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::File { path, source }
        };
        std::fs::create_dir_all(directory).map_err(file(directory))?;
        let lock_path = directory.join("jobs.lock");
        let lock = File::options().create(true).write(true).truncate(false).open(&lock_path).map_err(file(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Taken(directory.to_owned())),
            Err(TryLockError::Error(error)) => return Err(file(&lock_path)(error)),
        }
        let path = directory.join("jobs.sqlite");
        let mut writer = connect(&path)?;
        prepare(&mut writer, &path)?;
        recover(&mut writer, after, now)?;
        let reader = connect(&path)?;
        Ok(Self { writer: Mutex::new(writer), reader: Mutex::new(reader), _lock: lock })
    }

    /// Accepts a job.
    pub(crate) fn insert(&self, job: &NewJob) -> Result<(), StoreError> {
        let NewJob { id, number, client, workflow, prompt, extra, targets, created } = job;
        let inserted = self
            .writer
            .lock()
            .prepare_cached(
                "INSERT INTO jobs (id, number, state, client, workflow, prompt, extra, targets, created)
             VALUES (?1, ?2, 'pending', ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING",
            )?
            .execute(params![id, number, client, workflow, prompt, extra, targets, created])?;
        if inserted == 1 { Ok(()) } else { Err(StoreError::Duplicate(id.clone())) }
    }

    /// How many jobs were ever accepted.
    pub(crate) fn accepted(&self) -> Result<u64, StoreError> {
        let count: Option<i64> =
            self.reader.lock().query_row("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'", [], |it| it.get(0)).optional()?;
        Ok(count.and_then(|it| it.try_into().ok()).unwrap_or(0))
    }

    /// How many jobs wait or run.
    pub(crate) fn remaining(&self) -> Result<usize, StoreError> {
        let count: i64 =
            self.reader
                .lock()
                .query_row("SELECT count(*) FROM jobs WHERE state IN ('pending', 'running')", [], |it| it.get(0))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// Takes the next job, which is running from now on.
    pub(crate) fn claim(&self, now: i64) -> Result<Option<Claimed>, StoreError> {
        let claimed = self
            .writer
            .lock()
            .prepare_cached(
                "UPDATE jobs SET state = 'running', started = ?1, attempts = attempts + 1
             WHERE seq = (SELECT seq FROM jobs WHERE state = 'pending' ORDER BY number, seq LIMIT 1)
             RETURNING id, client, prompt, extra, targets",
            )?
            .query_row([now], |it| {
                Ok(Claimed { id: it.get(0)?, client: it.get(1)?, prompt: it.get(2)?, extra: it.get(3)?, targets: it.get(4)? })
            })
            .optional()?;
        Ok(claimed)
    }

    /// Ends a running job. Says whether it was running.
    pub(crate) fn end(&self, id: &str, ending: &Ending, now: i64) -> Result<bool, StoreError> {
        let mut writer = self.writer.lock();
        let writer = writer.transaction()?;
        let Ending { state, outputs, meta, status, error } = ending;
        let ended = writer
            .prepare_cached(
                "UPDATE jobs SET state = ?2, outputs = ?3, meta = ?4, status = ?5, error = ?6, ended = ?7,
                 place = (SELECT coalesce(max(place), 0) + 1 FROM jobs WHERE place IS NOT NULL)
             WHERE id = ?1 AND state = 'running'",
            )?
            .execute(params![id, state.sql(), outputs, meta, status, error, now])?;
        writer
            .prepare_cached("DELETE FROM jobs WHERE place <= (SELECT max(place) FROM jobs WHERE place IS NOT NULL) - ?1")?
            .execute([MOST_ENDED])?;
        writer.commit()?;
        Ok(ended == 1)
    }

    /// Puts a running job back to where it was in the queue.
    pub(crate) fn put_back(&self, id: &str) -> Result<bool, StoreError> {
        let changed = self.writer.lock().execute(
            "UPDATE jobs SET state = 'pending', started = NULL, attempts = attempts - 1 WHERE id = ?1 AND state = 'running'",
            [id],
        )?;
        Ok(changed == 1)
    }

    /// Cancels the jobs of these ids that are pending, or all that are. Says how many that were.
    pub(crate) fn cancel_pending(&self, ids: Option<&[String]>, now: i64) -> Result<usize, StoreError> {
        const CANCEL: &str = "UPDATE jobs SET state = 'cancelled', ended = ?1,
            place = (SELECT coalesce(max(place), 0) + 1 FROM jobs WHERE place IS NOT NULL) WHERE state = 'pending'";
        let mut writer = self.writer.lock();
        let writer = writer.transaction()?;
        let mut cancelled = 0;
        match ids {
            None => cancelled += writer.execute(CANCEL, [now])?,
            Some(ids) => {
                for ids in ids.chunks(AT_ONCE) {
                    let sql = format!("{CANCEL} AND id IN ({})", marks(ids.len()));
                    let values = std::iter::once(Sql::Integer(now)).chain(ids.iter().cloned().map(Sql::Text));
                    cancelled += writer.execute(&sql, params_from_iter(values))?;
                }
            }
        }
        writer.commit()?;
        Ok(cancelled)
    }

    /// Gives a pending job another place in the queue. Says whether it was pending.
    pub(crate) fn renumber(&self, id: &str, number: f64) -> Result<bool, StoreError> {
        let changed =
            self.writer.lock().execute("UPDATE jobs SET number = ?2 WHERE id = ?1 AND state = 'pending'", params![id, number])?;
        Ok(changed == 1)
    }

    /// The smallest number in the queue.
    pub(crate) fn smallest_number(&self) -> Result<Option<f64>, StoreError> {
        Ok(self.reader.lock().query_row("SELECT min(number) FROM jobs WHERE state = 'pending'", [], |it| it.get(0))?)
    }

    /// The jobs that are running, then those that wait, in the order in which they will run.
    pub(crate) fn queue(&self) -> Result<(Vec<Listed>, Vec<Listed>), StoreError> {
        let reader = self.reader.lock();
        let all = |state: &str, order: &str| -> Result<Vec<Listed>, StoreError> {
            let sql = format!("SELECT {LISTED} FROM jobs WHERE state = '{state}' ORDER BY {order}");
            Ok(reader.prepare_cached(&sql)?.query_map([], listed)?.collect::<Result<_, _>>()?)
        };
        Ok((all("running", "seq")?, all("pending", "number, seq")?))
    }

    /// Jobs that ran and ended, the oldest first: all, the latest `most`, or `most` after the first `offset`.
    pub(crate) fn history(&self, most: Option<u32>, offset: Option<u32>) -> Result<Vec<Listed>, StoreError> {
        let most = most.map_or(-1, i64::from);
        let sql = match offset {
            Some(offset) => {
                format!("SELECT {LISTED} FROM jobs WHERE {IN_HISTORY} ORDER BY place, seq LIMIT {most} OFFSET {offset}")
            }
            None => {
                let latest = format!(
                    "SELECT {LISTED}, place, seq FROM jobs WHERE {IN_HISTORY} ORDER BY place DESC, seq DESC LIMIT {most}"
                );
                format!("SELECT * FROM ({latest}) ORDER BY place, seq")
            }
        };
        let reader = self.reader.lock();
        Ok(reader.prepare_cached(&sql)?.query_map([], listed)?.collect::<Result<_, _>>()?)
    }

    /// Forgets ended jobs: those of these ids, or all.
    pub(crate) fn forget(&self, ids: Option<&[String]>) -> Result<(), StoreError> {
        const FORGET: &str = "DELETE FROM jobs WHERE place IS NOT NULL";
        let writer = self.writer.lock();
        match ids {
            None => writer.execute(FORGET, []).map(drop)?,
            Some(ids) => {
                for ids in ids.chunks(AT_ONCE) {
                    let sql = format!("{FORGET} AND id IN ({})", marks(ids.len()));
                    writer.execute(&sql, params_from_iter(ids))?;
                }
            }
        }
        Ok(())
    }

    /// A job.
    pub(crate) fn one(&self, id: &str) -> Result<Option<Listed>, StoreError> {
        let sql = format!("SELECT {LISTED} FROM jobs WHERE id = ?1");
        Ok(self.reader.lock().prepare_cached(&sql)?.query_row([id], listed).optional()?)
    }

    /// The jobs that a filter lets through, and how many there are without its limit.
    pub(crate) fn list(&self, filter: &Filter) -> Result<(Vec<Listed>, u64), StoreError> {
        let states: Vec<String> = filter.states.iter().map(|it| format!("'{}'", it.sql())).collect();
        let mut condition = format!("state IN ({})", states.join(", "));
        let mut values: Vec<&str> = Vec::new();
        if let Some(workflow) = &filter.workflow {
            condition.push_str(" AND workflow = ?1");
            values.push(workflow);
        }
        let by = if filter.by_duration { "coalesce(ended - started, 0)" } else { "created" };
        let direction = if filter.ascending { "ASC" } else { "DESC" };
        let limit = filter.limit.map_or(-1, i64::from);
        let mut sql = format!("SELECT {LISTED} FROM jobs WHERE {condition} ORDER BY {by} {direction}, seq {direction}");
        let _ = write!(sql, " LIMIT {limit} OFFSET {}", filter.offset);
        let reader = self.reader.lock();
        let jobs = reader.prepare(&sql)?.query_map(params_from_iter(&values), listed)?.collect::<Result<_, _>>()?;
        let count: i64 =
            reader
                .query_row(&format!("SELECT count(*) FROM jobs WHERE {condition}"), params_from_iter(&values), |it| it.get(0))?;
        Ok((jobs, u64::try_from(count).unwrap_or(0)))
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode this survives the death of the process; only the death of the machine may take the latest jobs, never the database.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.busy_timeout(Duration::from_secs(10))?;
    Ok(connection)
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |it| it.get(0))?;
    match found {
        0 => {
            let transaction = connection.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
            Ok(())
        }
        VERSION => Ok(()),
        found => Err(StoreError::Newer { path: path.to_owned(), found }),
    }
}

/// Puts jobs that were running when the last server died back into the queue, or marks them as failed.
fn recover(connection: &mut Connection, after: AfterCrash, now: i64) -> Result<(), StoreError> {
    let most = if after == AfterCrash::Rerun { MOST_ATTEMPTS } else { 0 };
    let died = |attempts: &str| {
        format!(
            "json_object('exception_type', 'ServerDied', 'exception_message', 'the server died while running this job' || {attempts})"
        )
    };
    let error = died("CASE WHEN attempts > 1 THEN ' (' || attempts || ' times)' ELSE '' END");
    let status = format!(
        "json_object('status_str', 'error', 'completed', json('false'), 'messages', json_array(json_array('execution_error', {error})))"
    );
    let transaction = connection.transaction()?;
    transaction.execute(
        &format!(
            "UPDATE jobs SET state = 'failed', ended = ?1, outputs = '{{}}', meta = '{{}}', error = {error}, status = {status},
                 place = (SELECT coalesce(max(place), 0) + 1 FROM jobs WHERE place IS NOT NULL)
             WHERE state = 'running' AND attempts >= ?2"
        ),
        [now, most],
    )?;
    transaction.execute("UPDATE jobs SET state = 'pending', started = NULL WHERE state = 'running'", [])?;
    transaction.commit()?;
    Ok(())
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    let state: String = row.get(2)?;
    Ok(Listed {
        id: row.get(0)?,
        number: row.get(1)?,
        state: State::ALL.into_iter().find(|it| it.sql() == state).ok_or(rusqlite::Error::InvalidQuery)?,
        workflow: row.get(3)?,
        prompt: row.get(4)?,
        extra: row.get(5)?,
        targets: row.get(6)?,
        created: row.get(7)?,
        started: row.get(8)?,
        ended: row.get(9)?,
        outputs: row.get(10)?,
        meta: row.get(11)?,
        status: row.get(12)?,
        error: row.get(13)?,
    })
}
