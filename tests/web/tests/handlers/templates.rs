//! Templates of keys, whatever serves the handlers.

use cachekit_web_tests::Client;

/// A handler whose key names the method, the host, the path, a parameter, a field and a cookie.
pub(crate) async fn check(client: &mut Client, path: &str) {
    let base = [("host", "one"), ("x-tenant", "a"), ("cookie", "theme=dark; id=1")];
    let (target, other) = (format!("{path}?page=1"), format!("{path}?page=2"));
    let first = client.get(&target, &base).await;
    let same = format!("{path}?utm=x&page=1");
    for (target, fields, expected) in [
        (&target, base, true),
        (&same, base, true),
        (&target, [("host", "ONE"), base[1], ("cookie", "id=2; theme=dark")], true),
        (&target, [("host", "two"), base[1], base[2]], false),
        (&target, [base[0], ("x-tenant", "b"), base[2]], false),
        (&target, [base[0], ("x-tenant", ""), base[2]], false),
        (&target, [base[0], base[1], ("cookie", "theme=light")], false),
        (&other, base, false),
    ] {
        let reply = client.get(target, &fields).await;
        assert_eq!(reply.text() == first.text(), expected, "{target} {fields:?}");
        assert_eq!(client.get(target, &fields).await.text(), reply.text(), "each has an entry");
    }
    assert_ne!(client.send("POST", &target, &base, "").await.text(), first.text());
    let head = client.send("HEAD", &target, &base, "").await;
    assert_eq!(head.header("content-length"), first.header("content-length"));
}
