//! The page itself.

use crate::client::Server;

#[test]
fn the_front_page_is_there_and_may_not_be_framed() {
    let server = Server::start(&[]);
    let page = server.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert!(page.text().contains("Burnish"), "{}", page.text());
    assert_eq!(server.get("/nothing.js").status, 404);
    assert_eq!(server.send("POST", "/", &[], b"").status, 405);
}

#[test]
fn another_editor_can_be_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    std::fs::write(folder.path().join("index.html"), "<p>mine").unwrap();
    std::fs::write(folder.path().join("assets/a.js"), "1").unwrap();
    let server = Server::start(&["--front-end-root", folder.path().to_str().unwrap()]);
    assert_eq!(server.get("/").text(), "<p>mine");
    let script = server.get("/assets/a.js");
    assert_eq!((script.text().as_str(), script.header("content-type")), ("1", "text/javascript; charset=utf-8"));
    for path in ["/../secret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret", "/assets", "/nothing"] {
        assert_eq!(server.status("GET", path, &[]), 404, "{path}");
    }
}
