//! Handlers that may fail, whatever serves them.

use cachekit_web_tests::Client;

/// A handler that answers with an error to those who send `x-fail`.
pub(crate) async fn check(client: &mut Client, target: &str, error: u16) {
    let fail = [("x-fail", "1")];
    for _ in 0..2 {
        assert_eq!(
            client.get(target, &fail).await.status.as_u16(),
            error,
            "{target}: an error is not cached"
        );
    }
    let first = client.get(target, &[]).await;
    assert!(first.status.is_success(), "{target}");
    // What is cached is served without asking the handler, which would fail.
    for fields in [&[][..], &fail] {
        let second = client.get(target, fields).await;
        assert_eq!((second.status, second.text()), (first.status, first.text()), "{target}");
        assert_eq!(second.header("content-type"), first.header("content-type"), "{target}");
    }
}
