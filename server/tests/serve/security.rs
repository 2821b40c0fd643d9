//! Who may ask, and what of it is answered.

use crate::client::{Server, until};
use crate::prompts::greeting;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;

const UPGRADE: [&str; 4] =
    ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];

#[test]
fn pages_of_other_sites_may_not_ask() {
    let server = Server::start(&[]);
    let own = format!("Origin: http://{}", server.address);
    let port = server.address.rsplit(':').next().unwrap();
    let (other_port, other_name) =
        (format!("Origin: http://127.0.0.1:{}", port.parse::<u16>().unwrap() ^ 1), format!("Origin: http://localhost:{port}"));
    let https = format!("Origin: https://{}", server.address);
    for (lines, allowed) in [
        (&[][..], true),
        (&[own.as_str()][..], true),
        (&[own.as_str(), "Sec-Fetch-Site: same-origin"][..], true),
        (&["Sec-Fetch-Site: none"][..], true),
        (&["Sec-Fetch-Site: same-origin"][..], true),
        (&["Origin: null"][..], false),
        (&["Origin: "][..], false),
        (&["Origin: http://evil.example"][..], false),
        (&["Origin: http://127.0.0.1.evil.example"][..], false),
        (&["Origin: file://"][..], false),
        (&[other_port.as_str()][..], false),
        (&[other_name.as_str()][..], false),
        (&[https.as_str()][..], true), // the same host and port, seen through something that encrypts
        (&["Sec-Fetch-Site: cross-site"][..], false),
        (&["Sec-Fetch-Site: same-site"][..], false),
        (&["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"][..], false),
        (&["Sec-Fetch-Site: cross-site", "Origin: null"][..], false),
    ] {
        for (method, path, good) in
            [("POST", "/interrupt", 200), ("POST", "/api/queue", 200), ("GET", "/prompt", 200), ("GET", "/view?filename=x", 404)]
        {
            for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
                let kind = format!("Content-Type: {kind}");
                let status = server.status(method, path, &[lines, &[&kind]].concat());
                assert_eq!(status, if allowed { good } else { 403 }, "{method} {path} {lines:?}");
            }
        }
        let mut upgrade: Vec<&str> = UPGRADE.to_vec();
        upgrade.extend(lines);
        let host = format!("Host: {}", server.address);
        let status = server.raw(&format!("GET /ws HTTP/1.1\r\n{host}\r\n{}", upgrade.join("\r\n")), b"").0;
        assert_eq!(status, if allowed { 101 } else { 403 }, "websocket {lines:?}");
    }
    // Somebody follows a link to the front page, and to nothing else.
    let visit = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    assert_eq!((server.status("GET", "/", &visit), server.status("GET", "/history", &visit)), (200, 403));
    assert_eq!(
        server.status("GET", "/", &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"]),
        403
    );
}

#[test]
fn a_name_that_is_not_its_own_is_not_answered_to() {
    let server = Server::start(&["--allowed-host", "studio.example"]);
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    for (host, allowed) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("[::1]", true),
        ("192.168.1.5", true), // an address cannot be made to point elsewhere
        ("studio.example", true),
        ("STUDIO.example", true),
        ("burnish.localhost", true),
        ("evil.example", false),
        ("localhost.evil.example", false),
        ("127.0.0.1.nip.io", false),
        ("studio.example.evil.example", false),
        ("a b", false),
        ("evil.example@localhost", true), // the name is what stands behind the @
    ] {
        for path in ["/prompt", "/", "/api/object_info/KSampler"] {
            let (host, rebound) = (format!("Host: {host}:{port}"), format!("Origin: http://{host}:{port}"));
            assert_eq!(server.status("GET", path, &[&host]), if allowed { 200 } else { 403 }, "{host} {path}");
            if !allowed {
                assert_eq!(server.status("POST", "/interrupt", &[&host, &rebound]), 403, "{host}");
            }
        }
    }
}

#[test]
fn a_site_that_was_allowed_may_ask() {
    let server = Server::start(&["--allowed-origin", "https://app.example"]);
    let origin = [("Origin", "https://app.example")];
    let answer = server.send("GET", "/prompt", &origin, b"");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "https://app.example"));
    assert_eq!(server.send("OPTIONS", "/prompt", &origin, b"").status, 200);
    assert_eq!(
        server.send("POST", "/interrupt", &[("Origin", "https://app.example"), ("Sec-Fetch-Site", "cross-site")], b"").status,
        200
    );
    let other = server.send("GET", "/prompt", &[("Origin", "https://evil.example")], b"");
    assert_eq!((other.status, other.header("access-control-allow-origin")), (403, ""));
    assert!(other.text().contains("--allowed-origin"));
}

#[test]
fn nothing_changes_on_get() {
    let server = Server::start(&[]);
    for path in [
        "/interrupt",
        "/free",
        "/upload/image",
        "/upload/mask",
        "/jobs/cancel",
        "/jobs/pause",
        "/jobs/x/cancel",
        "/userdata/a/move/b",
    ] {
        assert!(matches!(server.get(path).status, 404 | 405), "{path}");
    }
}

#[test]
fn a_token_is_asked_for_before_anything_is_read() {
    let server = Server::start(&["--token", "s3cret token"]);
    let bearer = ["Authorization: Bearer s3cret token"];
    for path in ["/", "/prompt", "/api/history", "/ws", "/internal/logs", "/nothing", "/docs", "/metrics"] {
        assert_eq!(server.status("GET", path, &[]), 401, "{path}");
        for wrong in [
            "Authorization: Bearer s3cret",
            "Authorization: Basic s3cret token",
            "Authorization: Bearer",
            "Cookie: burnish_token=x",
        ] {
            assert_eq!(server.status("GET", path, &[wrong]), 401, "{path} {wrong}");
        }
    }
    assert_eq!((server.status("GET", "/prompt", &bearer), server.status("POST", "/interrupt", &bearer)), (200, 200));
    // The answer comes although the body never does.
    let head = format!("POST /prompt HTTP/1.1\r\nHost: {}\r\nContent-Length: 90000000\r\nConnection: close", server.address);
    assert_eq!(server.raw(&head, b"").0, 401);
    // A browser opens the page with the token once.
    let (status, arrival) =
        server.raw(&format!("GET /?token=s3cret%20token HTTP/1.1\r\nHost: {}\r\nConnection: close", server.address), b"");
    assert_eq!(status, 303);
    assert!(!arrival.contains("s3cret"), "{arrival}");
    let cookie = arrival.lines().find_map(|it| it.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    assert_eq!((server.status("GET", "/", &[&cookie]), server.status("GET", "/api/queue", &[&cookie])), (200, 200));
    assert_eq!(server.listen_at("/ws?clientId=me&token=s3cret%20token").hear()["type"], "status");
    // In an address it opens nothing else.
    assert_eq!(server.status("GET", "/history?token=s3cret%20token", &[]), 401);
}

#[test]
fn others_are_let_in_only_on_purpose() {
    let serve = |arguments: &[&str], token: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_burnish"));
        command.args(["serve", "--port", "0"]).args(arguments).env_remove("BURNISH_TOKEN");
        if let Some(token) = token {
            command.env("BURNISH_TOKEN", token);
        }
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for arguments in [&["--listen", "0.0.0.0"][..], &["--listen"][..], &["--listen", "127.0.0.1,::"][..]] {
        let (code, words) = serve(arguments, None);
        assert_eq!(code, Some(2), "{words}");
        assert!(words.contains("BURNISH_TOKEN") && words.contains("--allow-insecure-bind"), "{words}");
    }
    assert_eq!(serve(&[], Some("  ")).0, Some(2));
    let open = Server::start(&["--listen", "0.0.0.0", "--allow-insecure-bind"]);
    assert_eq!(open.get("/prompt").status, 200);
    let guarded = Server::start(&["--listen", "0.0.0.0", "--token", "x"]);
    assert_eq!(guarded.get("/prompt").status, 401);
}

#[test]
fn secrets_are_written_nowhere() {
    let server = Server::start(&["--token", "t0ken-of-the-server", "--log-level", "trace"]);
    let bearer = [("Authorization", "Bearer t0ken-of-the-server")];
    let secrets = json!({ "auth_token_comfy_org": "s3cret-one", "api_key_comfy_org": "s3cret-two", "extra_pnginfo": {} });
    let body = json!({ "prompt": crate::prompts::picture("x"), "extra_data": secrets, "client_id": "me" }).to_string();
    let id = server.send("POST", "/prompt", &bearer, body.as_bytes()).json()["prompt_id"].as_str().unwrap().to_owned();
    until("the job ends", || server.send("GET", &format!("/history/{id}"), &bearer, b"").text().contains("success"));
    let mut texts = Vec::new();
    for path in ["/history", "/queue", "/jobs", &format!("/jobs/{id}"), "/internal/logs", "/system_stats", "/metrics"] {
        texts.push((path.to_owned(), server.send("GET", path, &bearer, b"").body));
    }
    for file in files(server.folder()) {
        texts.push((file.clone(), fs::read(&file).unwrap()));
    }
    assert!(texts.iter().any(|(name, _)| name.ends_with(".sqlite-wal")) && texts.iter().any(|(name, _)| name.ends_with(".png")));
    for (name, text) in texts {
        for secret in ["s3cret-one", "s3cret-two", "t0ken-of-the-server"] {
            assert!(!text.windows(secret.len()).any(|it| it == secret.as_bytes()), "{name} holds {secret}");
        }
    }
}

/// All files below a directory. Links are files.
fn files(directory: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() {
            files.extend(self::files(&path));
        } else {
            files.push(path.to_str().expect("text").to_owned());
        }
    }
    files.sort();
    files
}

/// Names that want to lead out, as they stand in an address.
const ESCAPES: [&str; 40] = [
    "../secret",
    "..%2fsecret",
    "..%2Fsecret",
    "%2e%2e/secret",
    "%2e%2e%2fsecret",
    "%252e%252e%252fsecret",
    "..%252fsecret",
    "..%c0%afsecret",
    "..%ef%bc%8fsecret",
    "..%5csecret",
    "..\\secret",
    "....//secret",
    "....%2f%2fsecret",
    "..;/secret",
    ".%2e/secret",
    "a/../../secret",
    "a%2f..%2f..%2fsecret",
    "./../secret",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "%2f%2fetc/passwd",
    "file:///etc/passwd",
    "C:%5cWindows%5cwin.ini",
    "C:/Windows/win.ini",
    "%5c%5chost%5cshare",
    "secret%00.png",
    "..%00/secret",
    "up/secret",
    "up%2fsecret",
    "up/../secret",
    "link",
    "secret::$DATA",
    "CON",
    "a%0d%0aX-Evil:1",
    "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "~/secret",
    "$HOME/secret",
    "../secret%20%5Boutput%5D",
    "../secret [temp]",
];

#[cfg(unix)]
#[test]
fn no_name_leads_out_of_its_directory() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "the secret").unwrap();
    let base = outside.path().join("base");
    for directory in ["input", "output", "temp", "user/default"] {
        let directory = base.join(directory);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("a.png"), "fine").unwrap();
        fs::write(directory.parent().unwrap().join("secret"), "the secret").unwrap();
        std::os::unix::fs::symlink(outside.path(), directory.join("up")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), directory.join("link")).unwrap();
    }
    let server = Server::start_in(&base, &[]);
    let before = files(outside.path());
    let own = [format!("Host: {}", server.address)];
    let ask = |method: &str, path: &str, body: &str| {
        let head = format!(
            "{method} {} HTTP/1.1\r\n{}\r\nContent-Length: {}\r\nConnection: close",
            path.replace(' ', "%20"),
            own[0],
            body.len()
        );
        server.raw(&head, body.as_bytes())
    };
    for escape in ESCAPES {
        for (method, path) in [
            ("GET", format!("/view?filename={escape}")),
            ("GET", format!("/view?filename={escape}&type=input")),
            ("GET", format!("/view?filename=secret&subfolder={escape}")),
            ("GET", format!("/view?filename=a.png&subfolder={escape}&preview=webp")),
            ("GET", format!("/view?filename=a.png&type={escape}")),
            ("GET", format!("/userdata?dir={escape}&recurse=true")),
            ("GET", format!("/v2/userdata?path={escape}")),
            ("GET", format!("/userdata/{escape}")),
            ("GET", format!("/view_metadata/loras?filename={escape}")),
            ("GET", format!("/view_metadata/{escape}?filename=secret.safetensors")),
            ("GET", format!("/models/{escape}")),
            ("GET", format!("/experiment/models/{escape}")),
            ("GET", format!("/experiment/models/preview/loras/0/{escape}")),
            ("GET", format!("/internal/files/{escape}")),
            ("GET", format!("/workflow_templates/burnish/{escape}")),
            ("GET", format!("/{escape}")),
            ("DELETE", format!("/userdata/{escape}")),
            ("POST", format!("/userdata/a.png/move/{escape}?overwrite=false")),
            ("POST", format!("/userdata/{escape}/move/stolen?overwrite=false")),
        ] {
            let (status, text) = ask(method, &path, "");
            assert!(!text.contains("the secret") && !text.contains("root:"), "{method} {path}: {text}");
            assert!(status < 500, "{method} {path}: {status}");
            assert!(!text.to_lowercase().contains("\nx-evil"), "{method} {path}: {text}");
        }
        let plain = escape.replace("%2f", "/").replace("%2F", "/").replace("%5c", "\\").replace("%00", "\0").replace("%2e", ".");
        for fields in [&[][..], &[("subfolder", plain.as_str())][..], &[("type", plain.as_str())][..]] {
            for path in ["/upload/image", "/upload/mask"] {
                let name = if fields.is_empty() { plain.replace('"', "") } else { "n.png".to_owned() };
                assert!(server.upload(path, fields, &name, b"x").status < 500, "{path} {fields:?} {name}");
            }
        }
        ask("POST", &format!("/userdata/{escape}"), "written");
        let save = json!({ "prompt": { "1": { "class_type": "EmptyImage", "inputs": { "width": 16, "height": 16, "batch_size": 1, "color": 0 } },
            "2": { "class_type": "SaveImage", "inputs": { "images": ["1", 0], "filename_prefix": plain } },
            "3": { "class_type": "PreviewAny", "inputs": { "source": "x" } } } });
        if let Some(id) = server.post("/prompt", &save).json()["prompt_id"].as_str() {
            server.wait(id);
        }
    }
    // What is outside of the base directory, and beside the directories that may be written, is as it was.
    let is_outside = |it: &&String| {
        !["input", "output", "temp", "user/default"].iter().any(|inside| it.starts_with(base.join(inside).to_str().unwrap()))
    };
    let jobs = base.join("user/jobs").to_str().unwrap().to_owned();
    let outside_of = |files: &[String]| -> Vec<String> {
        files.iter().filter(is_outside).filter(|it| !it.starts_with(&jobs)).cloned().collect()
    };
    assert_eq!(
        outside_of(&files(&base)),
        outside_of(&before.into_iter().filter(|it| it.starts_with(base.to_str().unwrap())).collect::<Vec<_>>())
    );
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"the secret");
    let mut around: Vec<_> = fs::read_dir(outside.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    around.sort();
    assert_eq!(around, ["base", "secret"]);
    assert_eq!(server.wait(&server.submit(&greeting(), None))["status"]["status_str"], "success");
}

#[test]
fn what_a_browser_could_run_is_never_shown() {
    let server = Server::start(&[]);
    let attack = b"<script>alert(1)</script>";
    for name in [
        "a.html",
        "a.htm",
        "a.xhtml",
        "a.svg",
        "a.xml",
        "a.js",
        "a.mjs",
        "a.pdf",
        "a.css",
        "a.shtml",
        "a",
        "a.png.html",
        "a.wasm",
        "a.xsl",
    ] {
        assert_eq!(server.upload("/upload/image", &[], name, attack).status, 200);
        assert_eq!(server.send("POST", &format!("/userdata/{name}"), &[], attack).status, 200);
        for dest in ["document", "iframe", "embed", "object", "image", "script", "style", "empty", ""] {
            for path in [format!("/view?filename={name}&type=input"), format!("/userdata/{name}")] {
                let answer = server.send("GET", &path, &[("Sec-Fetch-Dest", dest), ("Sec-Fetch-Site", "same-origin")], b"");
                assert_eq!(answer.header("content-type"), "application/octet-stream", "{path}");
                assert!(answer.header("content-disposition").starts_with("attachment"), "{path}");
                assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
                assert!(answer.header("content-security-policy").contains("sandbox"), "{path}");
            }
        }
    }
    // A picture that is none stays a picture to the browser.
    server.upload("/upload/image", &[], "b.png", attack);
    let answer = server.get("/view?filename=b.png&type=input");
    assert_eq!((answer.header("content-type"), answer.header("x-content-type-options")), ("image/png", "nosniff"));
}
