//! Who may ask.
//!
//! Three questions, in this order, before anything of a request but its head is read:
//!
//! 1. **Is the name by which the server is called one of its own?** A web page whose name is made to point at this machine (DNS rebinding)
//!    calls it by that name; an address cannot be made to point anywhere.
//! 2. **Does a web page ask that is not the server's own?** Browsers say so, in `Sec-Fetch-Site` and in `Origin`; programs say neither, and
//!    they may ask. Nothing hangs on the type of the content, for clients send anything.
//! 3. **Is the token right, if there is one?**

use crate::serve::app::App;
use crate::serve::settings::Settings;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use std::net::IpAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;

const FETCH_SITE: &str = "sec-fetch-site";
const COOKIE: &str = "burnish_token";

/// Why somebody may not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Denied {
    #[error("this server is not called so; if the name is right, start it with --allowed-host NAME")]
    Host,
    #[error("another web site may not use this server; if it should, start it with --allowed-origin ORIGIN")]
    Site,
    #[error("the token is missing or wrong: send `Authorization: Bearer TOKEN`, or open /?token=TOKEN once in the browser")]
    Token,
}

/// Lets a request through, or not.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let settings = &app.settings;
    let origin = allowed_origin(settings, request.headers());
    let denied = check(settings, &request).err();
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    let mut response = match denied {
        // What is said to be too long is not waited for.
        None if length.is_some_and(|it| it > settings.most_upload as u64) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Some(denied) => {
            tracing::debug!(%denied, "refused");
            let status = if denied == Denied::Token { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
            (status, denied.to_string()).into_response()
        }
        None if request.method() == Method::OPTIONS => StatusCode::OK.into_response(),
        None => match arrival(settings, &request) {
            Some(redirect) => redirect,
            None => next.run(request).await,
        },
    };
    let headers = response.headers_mut();
    if denied == Some(Denied::Token) {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    match origin {
        Some(origin) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers
                .insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE, PUT, PATCH, OPTIONS"));
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static("Content-Type, Authorization, Comfy-User"),
            );
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        None => {
            let name = HeaderName::from_static("cross-origin-resource-policy");
            headers.insert(name, HeaderValue::from_static("same-origin"));
        }
    }
    response
}

fn check(settings: &Settings, request: &Request) -> Result<(), Denied> {
    let host = host(request);
    if !host.as_ref().is_none_or(|it| is_own_name(settings, it.host())) {
        return Err(Denied::Host);
    }
    if !same_site(settings, request, host.as_ref()) {
        return Err(Denied::Site);
    }
    match &settings.token {
        Some(token) if !holds(request, token) && request.method() != Method::OPTIONS => Err(Denied::Token),
        _ => Ok(()),
    }
}

/// What the sender calls this server.
fn host(request: &Request) -> Option<Authority> {
    let named = request.headers().get(header::HOST).map(HeaderValue::as_bytes);
    match named {
        // What is no name at all is nobody's.
        Some(named) => Some(Authority::try_from(named).unwrap_or_else(|_| Authority::from_static("invalid."))),
        None => request.uri().authority().cloned(),
    }
}

fn is_own_name(settings: &Settings, host: &str) -> bool {
    let name = host.trim_end_matches('.').to_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost") || settings.hosts.contains(&name)
}

/// Whether a browser says that this comes from the server's own pages, or nobody says anything.
fn same_site(settings: &Settings, request: &Request, host: Option<&Authority>) -> bool {
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN);
    if allowed_origin(settings, headers).is_some() {
        return true;
    }
    if let Some(site) = headers.get(FETCH_SITE) {
        let own = matches!(site.as_bytes(), b"same-origin" | b"none");
        if !own && !is_visit(request) {
            return false;
        }
    }
    match origin {
        None => true,
        Some(origin) => origin.to_str().is_ok_and(|it| host.is_some_and(|host| is_origin_of(it, host))),
    }
}

/// Somebody follows a link to the front page.
fn is_visit(request: &Request) -> bool {
    let is = |name: &str, value: &str| request.headers().get(name).is_some_and(|it| it.as_bytes() == value.as_bytes());
    request.method() == Method::GET
        && request.uri().path() == "/"
        && request.uri().query().is_none()
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
}

/// Whether pages of this origin come from the host, ports being what the scheme says where they are not named.
fn is_origin_of(origin: &str, host: &Authority) -> bool {
    let (scheme, rest) = match origin.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        _ => return false,
    };
    let Ok(origin) = rest.parse::<Authority>() else { return false };
    let port = |it: &Authority| it.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    origin.host().eq_ignore_ascii_case(host.host()) && port(&origin) == port(host)
}

/// The origin that asks, if the user said that it may.
fn allowed_origin(settings: &Settings, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?.to_lowercase();
    settings.origins.contains(&text).then(|| origin.clone())
}

/// Whether a request carries the token, as a header or in the cookie that [`arrival`] gave.
fn holds(request: &Request, token: &str) -> bool {
    let headers = request.headers();
    let bearer = headers.get_all(header::AUTHORIZATION).iter().filter_map(|it| it.to_str().ok()?.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, it)| it.trim());
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(';'));
    let cookies = cookies.filter_map(|it| it.trim().split_once('=')).filter(|(name, _)| *name == COOKIE).map(|(_, it)| it);
    let is_token = |it: &str| bool::from(it.as_bytes().ct_eq(token.as_bytes()));
    let hex = hex(token);
    bearer.map(is_token).chain(cookies.map(|it| bool::from(it.as_bytes().ct_eq(hex.as_bytes())))).any(|it| it)
        || query_token(request).is_some_and(|it| is_token(&it))
}

/// The token in the address of the front page or of the websocket, the two that browsers open without headers.
fn query_token(request: &Request) -> Option<String> {
    if !matches!(request.uri().path(), "/" | "/ws" | "/api/ws") {
        return None;
    }
    let value = request.uri().query()?.split('&').find_map(|it| it.strip_prefix("token="))?;
    Some(percent_encoding::percent_decode_str(value).decode_utf8().ok()?.into_owned())
}

/// Whoever opens the front page with a token gets it as a cookie, and the page without it in the address.
fn arrival(settings: &Settings, request: &Request) -> Option<Response> {
    let token = settings.token.as_ref()?;
    if request.uri().path() != "/" || request.method() != Method::GET {
        return None;
    }
    query_token(request)?;
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", hex(token));
    let mut response = Redirect::to("/").into_response();
    response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    Some(response)
}

/// A text as what any cookie can hold.
fn hex(text: &str) -> String {
    text.bytes().map(|it| format!("{it:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(text: &str) -> Authority {
        text.parse().unwrap()
    }

    #[test]
    fn an_origin_is_compared_with_its_port() {
        for (origin, host) in [
            ("http://127.0.0.1:8188", "127.0.0.1:8188"),
            ("http://localhost", "localhost"),
            ("http://localhost", "localhost:80"),
            ("https://a.example", "a.example:443"),
            ("https://A.example", "a.EXAMPLE"),
            ("http://[::1]:8188", "[::1]:8188"),
        ] {
            assert!(is_origin_of(origin, &authority(host)), "{origin} {host}");
        }
        for (origin, host) in [
            ("null", "localhost"),
            ("", "localhost"),
            ("http://localhost:3000", "localhost:8188"),
            ("http://evil.example", "localhost"),
            ("http://localhost.evil.example", "localhost"),
            ("file://", "localhost"),
            ("chrome-extension://localhost", "localhost"),
            ("http://127.0.0.1:8188", "localhost:8188"),
            ("http://", "localhost"),
        ] {
            assert!(!is_origin_of(origin, &authority(host)), "{origin} {host}");
        }
    }
}
