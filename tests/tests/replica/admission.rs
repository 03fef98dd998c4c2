//! Admission: hubs with authorizers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use synckit::clock::UnixMillis;
use synckit::filter::Filter;
use synckit::hub::{
    Access, AccessRequest, AllowAll, Authorizer, NewToken, Rights, TokenEntry, TokenList,
    TokenListError, Tokens,
};
use synckit::replica::{LinkState, LinkStatus};
use synckit::sync::Denial;
use synckit::transport::{ChannelTransport, Credentials, GrpcTransport};
use synckit::{ErrorKind, Hub, Replica, WallClock, registry};

use super::support::{Note, note, read, replica, way_to};

fn entry(who: &str, token: &NewToken, rights: Rights) -> TokenEntry {
    let (spaces, only) = (vec!["default".to_owned()], Vec::new());
    let (who, shown) = (who.to_owned(), token.hash.clone());
    TokenEntry { who, shown, spaces, only, rights, until: None }
}

fn list(tokens: Vec<TokenEntry>) -> TokenList {
    TokenList(tokens)
}

fn guarded(authorizer: impl Authorizer) -> (Hub, ChannelTransport) {
    let hub = Hub::builder().authorizer(authorizer).in_memory().unwrap();
    let way = way_to(&hub);
    (hub, way)
}

async fn code(replica: &synckit::Replica, way: ChannelTransport) -> &'static str {
    replica.sync_once(way).await.unwrap_err().code()
}

#[tokio::test]
async fn a_token_opens_its_spaces_and_nothing_else_does() {
    let (anns, bobs) = (Tokens::generate().unwrap(), Tokens::generate().unwrap());
    let elsewhere = TokenEntry {
        spaces: vec!["team-1".to_owned(), "def-*".to_owned()],
        ..entry("bob", &bobs, Rights::ReadWrite)
    };
    let known = list(vec![entry("ann", &anns, Rights::ReadWrite), elsewhere]);
    let (_hub, way) = guarded(Tokens::new(known).unwrap());
    let ann = replica().await;
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    let shown = |credentials: &Credentials| way.clone().credentials(credentials.clone());

    assert_eq!(code(&ann, way.clone()).await, "session.unauthenticated");
    let forged = Credentials::bearer("synckit_0000");
    assert_eq!(code(&ann, shown(&forged)).await, "session.unauthenticated");
    assert_eq!(code(&ann, shown(&bobs.secret)).await, "session.forbidden");
    assert_eq!(ann.pending().await.unwrap(), 1);
    assert_eq!(ann.peers().await.unwrap(), [], "nothing of the hub's was told");
    assert_eq!(ann.sync_once(shown(&anns.secret)).await.unwrap().pushed, 1);
}

#[tokio::test]
async fn rights_to_read_or_to_write_move_nothing_in_the_other_direction() {
    let tokens = [(); 3].map(|()| Tokens::generate().unwrap());
    let [all, reads, writes] = &tokens;
    let known = list(vec![
        entry("all", all, Rights::ReadWrite),
        entry("reads", reads, Rights::Read),
        entry("writes", writes, Rights::Write),
    ]);
    let (_hub, way) = guarded(Tokens::new(known).unwrap());
    let shown = |token: &NewToken| way.clone().credentials(token.secret.clone());
    let (ann, bob, carol) = (replica().await, replica().await, replica().await);
    for replica in [&ann, &bob, &carol] {
        replica.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    }
    ann.sync_once(shown(all)).await.unwrap();
    let read_only = bob.sync_once(shown(reads)).await.unwrap();
    assert_eq!((read_only.pushed, read_only.pulled), (0, 1));
    assert_eq!(bob.pending().await.unwrap(), 1, "and he can tell");
    let write_only = carol.sync_once(shown(writes)).await.unwrap();
    assert_eq!((write_only.pushed, write_only.pulled), (1, 0));
    ann.sync_once(shown(all)).await.unwrap();
    assert_eq!(read(&ann, &note("n")).await.visits, 2);
}

async fn live(link: &mut synckit::replica::Link) {
    link.wait_for(|status| status.state == LinkState::Live).await;
}

fn troubled(status: &LinkStatus) -> bool {
    status.trouble.is_some()
}

#[tokio::test]
async fn a_token_that_is_withdrawn_ends_the_session_and_one_that_is_given_back_begins_another() {
    let token = Tokens::generate().unwrap();
    let known = || list(vec![entry("ann", &token, Rights::ReadWrite)]);
    let tokens = Tokens::new(known()).unwrap();
    let (hub, way) = guarded(tokens.clone());
    let ann = replica().await;
    let mut link = ann.connect(way.credentials(token.secret.clone())).unwrap();
    live(&mut link).await;
    hub.recheck();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(hub.sessions(), 1, "her token is good");
    tokens.replace(TokenList::default()).unwrap();
    hub.recheck();
    let trouble = link.wait_for(troubled).await.trouble.unwrap();
    assert_eq!(trouble.code, "session.unauthenticated");
    assert!(trouble.error.contains("show others"), "{}", trouble.error);

    // With fewer rights than she had she has to come again.
    let fewer = TokenEntry { rights: Rights::Read, ..known().0.remove(0) };
    tokens.replace(list(vec![fewer])).unwrap();
    live(&mut link).await;
    tokens.replace(known()).unwrap();
    hub.recheck();
    link.wait_for(|status| status.sessions > 2).await;
    live(&mut link).await;
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    ann.flush(synckit::replica::Reach::Hub).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_when_it_says_so_also_during_a_session() {
    let noon = 1_700_000_000;
    let now = Arc::new(AtomicU64::new(noon * 1_000));
    let clock = WallClock::new({
        let now = Arc::clone(&now);
        move || UnixMillis::new(now.load(Ordering::Relaxed))
    });
    let token = Tokens::generate().unwrap();
    let until = Some(UnixMillis::new((noon + 30) * 1_000));
    let known = list(vec![TokenEntry { until, ..entry("ann", &token, Rights::ReadWrite) }]);
    let tokens = Tokens::new(known).unwrap().wall_clock(clock.clone());
    let hub = Hub::builder().authorizer(tokens).wall_clock(clock).in_memory().unwrap();
    let ann = replica().await;
    let mut link = ann.connect(way_to(&hub).credentials(token.secret)).unwrap();
    live(&mut link).await;
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!(link.status().trouble, None);
    now.store((noon + 30) * 1_000, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(link.status().trouble.unwrap().code, "session.unauthenticated");
}

/// An authorizer that asks somebody else, who is not always there.
#[derive(Clone, Debug, Default)]
struct Elsewhere(Arc<std::sync::atomic::AtomicBool>);

#[async_trait]
impl Authorizer for Elsewhere {
    async fn authorize(&self, request: &AccessRequest) -> Result<Access, Denial> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Denial::Unavailable);
        }
        assert_ne!(request.space.as_str(), "boom", "a space of this name has never been");
        Ok(Access::new("somebody", Rights::ReadWrite))
    }
}

#[tokio::test(start_paused = true)]
async fn while_nobody_can_tell_sessions_go_on_and_none_begins() {
    let elsewhere = Elsewhere::default();
    let (_hub, way) = guarded(elsewhere.clone());
    let (ann, bob) = (replica().await, replica().await);
    let mut link = ann.connect(way.clone()).unwrap();
    live(&mut link).await;
    elsewhere.0.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!((link.status().state, link.status().sessions), (LinkState::Live, 1));
    let error = bob.sync_once(way).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), ("session.peer_ended", true));
    assert!(error.to_string().contains("try again later"), "{error}");
}

/// An authorizer that gives access which has ended; counts how often it is asked.
#[derive(Clone, Debug, Default)]
struct Yesterday(Arc<AtomicU64>);

#[async_trait]
impl Authorizer for Yesterday {
    async fn authorize(&self, _: &AccessRequest) -> Result<Access, Denial> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Access::new("somebody", Rights::ReadWrite).until(UnixMillis::new(1)))
    }
}

#[tokio::test]
async fn access_that_has_ended_is_none_and_is_not_asked_for_again_and_again() {
    let yesterday = Yesterday::default();
    let (_hub, way) = guarded(yesterday.clone());
    assert_eq!(code(&replica().await, way).await, "session.unauthenticated");
    assert_eq!(yesterday.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_authorizer_that_panics_lets_nobody_in_and_the_hub_goes_on() {
    let (_hub, way) = guarded(Elsewhere::default());
    let registry = synckit::registry![super::support::Note];
    let builder = synckit::Replica::builder().registry(registry);
    let eve = builder.space("boom".parse().unwrap()).in_memory().await.unwrap();
    let error = eve.sync_once(way.clone()).await.unwrap_err();
    assert!(error.to_string().contains("who may come in; try again later"), "{error}");
    replica().await.sync_once(way).await.unwrap();
}

#[tokio::test]
async fn tokens_are_shown_over_grpc_and_never_printed() {
    let token = Tokens::generate().unwrap();
    let known = list(vec![entry("ann", &token, Rights::ReadWrite)]);
    let tokens = Tokens::new(known).unwrap();
    let hub = Hub::builder().authorizer(tokens).in_memory().unwrap();
    let running = hub.serve("127.0.0.1:0").await.unwrap();
    let ann = replica().await;
    let error = ann.sync_once(running.url()).await.unwrap_err();
    assert_eq!(error.code(), "session.unauthenticated");
    let way = GrpcTransport::new(running.url()).unwrap().credentials(&token.secret).unwrap();
    ann.sync_once(way.clone()).await.unwrap();
    let secret = token.secret.reveal().strip_prefix("Bearer ").unwrap();
    assert!(secret.starts_with("synckit_") && secret.len() == 72, "{secret}");
    for printed in [format!("{way:?}"), format!("{token:?}"), format!("{:?}", token.secret)] {
        assert!(!printed.contains(secret), "{printed}");
    }
    let odd = Credentials::new("Bearer \n");
    let odd = GrpcTransport::new(running.url()).unwrap().credentials(&odd).unwrap_err();
    assert_eq!(odd.code(), "transport.credentials");
    running.shut_down().await.unwrap();
}

#[tokio::test]
async fn without_an_authorizer_a_hub_is_for_this_machine_only() {
    let hub = Hub::builder().in_memory().unwrap();
    let error = hub.serve("0.0.0.0:0").await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unguarded);
    assert!(error.to_string().contains("AllowAll"), "{error}");
    let hub = Hub::builder().authorizer(AllowAll).plain_text().in_memory().unwrap();
    let running = hub.serve("0.0.0.0:0").await.unwrap();
    let way = format!("http://127.0.0.1:{}", running.address().port());
    replica().await.sync_once(way).await.unwrap();
    running.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_token_for_a_part_lets_in_who_holds_no_more_and_writes_no_more() {
    let token = Tokens::generate().unwrap();
    let only = vec!["note/7/*".to_owned()];
    let site = TokenEntry { only, ..entry("site 7", &token, Rights::ReadWrite) };
    let (hub, way) = guarded(Tokens::new(list(vec![site])).unwrap());
    let way = way.credentials(token.secret.clone());
    let seven =
        Replica::builder().registry(registry![Note]).filter(Filter::new().keyed::<Note>("7/"));
    let seven = seven.in_memory().await.unwrap();
    seven.edit(&note("7/1"), |it| it.visits.add(1)).await.unwrap();
    assert_eq!(seven.sync_once(way.clone()).await.unwrap().pushed, 1);
    let whole = replica().await;
    let told = whole.sync_once(way).await.unwrap_err();
    assert!(told.to_string().contains("open only note/7/* of this space: hold that"), "{told}");
    assert_eq!(hub.store().head(seven.space()).await.unwrap().0, 1);
}

#[test]
fn a_list_is_read_as_it_was_written() {
    let token = Tokens::generate().unwrap();
    let until = Some(UnixMillis::new(1_798_761_600_000));
    let spaces = vec!["team-7".to_owned(), "public-*".to_owned()];
    let who = "the auditor of 7".to_owned();
    let auditor = TokenEntry { spaces, until, who, ..entry("", &token, Rights::Read) };
    let only = vec!["note/7/*".to_owned(), "*/8/*".to_owned()];
    let site = TokenEntry { only, ..entry("site 7", &token, Rights::ReadWrite) };
    let written = list(vec![auditor, entry("ann", &token, Rights::ReadWrite), site]);
    let text = format!("# tokens\n\n{written}");
    assert!(text.contains(" read team-7,public-* 1798761600 the auditor of 7\n"), "{text}");
    assert!(text.contains(" read-write default - only=note/7/*,*/8/* site 7\n"), "{text}");
    assert_eq!(text.parse::<TokenList>().unwrap(), written);
    for wrong in ["", "x", "x read", "x read a", "x read a -", "x all a - ann", "x read a soon ann"]
    {
        let read = format!("# a line before\n{wrong}").parse::<TokenList>();
        let expected = if wrong.is_empty() {
            Ok(TokenList::default())
        } else {
            Err(TokenListError::Line { line: 2 })
        };
        assert_eq!(read, expected, "{wrong}");
    }
}

#[test]
fn what_is_wrong_with_a_list_of_tokens_is_said() {
    let token = Tokens::generate().unwrap();
    let (ann, bob) = ("ann".to_owned(), "bob".to_owned());
    let of = |who: &str| entry(who, &token, Rights::Read);
    let twice = Tokens::new(list(vec![of("ann"), of("bob")])).unwrap_err();
    assert_eq!(twice, TokenListError::Twice { one: ann.clone(), other: bob });
    for part in ["note", "note/7", "/7/*", "Note/7/*", "", "note/*,"] {
        let only = vec!["photo/*".to_owned(), part.to_owned()];
        let odd = Tokens::new(list(vec![TokenEntry { only, ..of("ann") }]));
        let expected = TokenListError::Part { who: ann.clone(), part: part.to_owned() };
        assert_eq!(odd.unwrap_err(), expected);
    }
    let only = (0..65).map(|n| format!("note/{n}*")).collect();
    let many = Tokens::new(list(vec![TokenEntry { only, ..of("ann") }])).unwrap_err();
    assert!(
        many.to_string().contains("note/64*") && many.to_string().contains("at most 64"),
        "{many}"
    );
    let odd = TokenEntry { shown: "secret".to_owned(), ..of("ann") };
    let odd = Tokens::new(list(vec![odd])).unwrap_err();
    assert_eq!(odd, TokenListError::Shown { who: ann });
    assert!(!odd.to_string().contains("secret"), "it may be the token itself: {odd}");
}
