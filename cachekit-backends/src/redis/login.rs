//! What a connection begins with: who the client is, and which database it wants.

use std::fmt;

use redis::{ServerError, ServerErrorKind, Value};

use super::commands;
use super::reply::unexpected;
use super::request::Request;
use crate::net::Security;
use crate::{Error, ErrorKind, Result};

/// Who the client is, and how its connections are protected.
#[derive(Clone, Default)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: i64,
    pub(super) security: Security,
}

impl Login {
    /// All that has to be said first, in one request; `None` if there is nothing to say.
    pub(super) fn request(&self, ask_for_role: bool) -> Option<Request> {
        let mut commands = Vec::new();
        if let Some(password) = &self.password {
            commands.push(commands::authenticate(self.username.as_deref(), password));
        }
        if self.database != 0 {
            commands.push(commands::select(self.database));
        }
        if ask_for_role {
            commands.push(commands::role());
        }
        (!commands.is_empty()).then(|| Request::new(&commands))
    }

    /// Whether the server took it.
    ///
    /// # Errors
    ///
    /// When it did not. What the server said is not repeated: it may repeat the password.
    pub(super) fn check(&self, request: &Request, replies: &[Value], asked_for_role: bool) -> Result<()> {
        if !request.fits(replies) {
            return Err(unexpected());
        }
        for (place, reply) in replies.iter().enumerate() {
            let is_role = asked_for_role && place + 1 == replies.len();
            match reply {
                // Who may not ask what a server is finds out when writing to a replica.
                Value::ServerError(refusal) if is_role && refusal.code() == "NOPERM" => {}
                Value::ServerError(refusal) => return Err(self.refused(refusal)),
                Value::Array(role) if !is_master(role) => {
                    let message = "the server that the sentinels call master is a replica";
                    return Err(Error::new(ErrorKind::Backend, message));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn refused(&self, refusal: &ServerError) -> Error {
        let details = refusal.details().unwrap_or_default();
        let says = |words: &str| details.contains(words);
        let message = match refusal.code() {
            "WRONGPASS" => "the server does not know this user name and password",
            "NOAUTH" if self.password.is_none() => "the server wants a password, and none is configured",
            "NOAUTH" => "the server wants another password",
            _ if says("without any password") || says("no password is set") => {
                "a password is configured, but the server has none"
            }
            _ if says("invalid password") => "the server does not know this password",
            _ if says("DB index is out of range") => "the server has no database of this number",
            _ if refusal.kind() == Some(ServerErrorKind::BusyLoading) => "the server is loading its data",
            _ => "the server refused the login",
        };
        Error::new(ErrorKind::Backend, message).with_context("reply", refusal.code())
    }
}

/// Whether a server that has this role is a master.
pub(super) fn is_master(role: &[Value]) -> bool {
    role.first() == Some(&Value::BulkString(b"master".into()))
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("database", &self.database)
            .field("security", &self.security)
            .finish()
    }
}
