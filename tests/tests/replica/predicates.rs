//! Parts of a space that functions of the application choose.

use std::sync::Arc;

use synckit::filter::{Filter, FilterPart, Predicates};
use synckit::id::Name;
use synckit::{ErrorKind, Hub, Replica, registry};

use super::filters::{both, store};
use super::support::{Note, NoteEvent, hub, note, read, way_to};

fn of_month(predicate: &str, month: &str) -> Filter {
    Filter::new().part(FilterPart::new().when(Name::new(predicate).unwrap(), month))
}

/// Titles that begin with a month.
fn months() -> Predicates {
    Predicates::new().with(Name::new("month").unwrap(), |event, month| {
        let title = event.decode::<NoteEvent>();
        matches!(title, Ok(NoteEvent::TitleSet(value)) if value.starts_with(month))
    })
}

#[tokio::test]
async fn a_function_of_the_application_decides_at_the_sender_which_events_a_part_holds() {
    let hub = Hub::builder().predicates(months()).in_memory().unwrap();
    let way = way_to(&hub);
    let office = both().await;
    for (number, month) in ["2026-11", "2026-12", "2026-11"].into_iter().enumerate() {
        let id = note(&number.to_string());
        office.edit(&id, |it| it.title.set(format!("{month}-0{number}"))).await.unwrap();
        office.edit(&id, |it| it.visits.add(1)).await.unwrap();
    }
    office.sync_once(way.clone()).await.unwrap();
    let builder = || Replica::builder().registry(registry![Note]);
    let store = store();
    let november = builder().filter(of_month("month", "2026-11")).predicates(months());
    let november = november.over(Arc::clone(&store)).await.unwrap();
    assert_eq!(november.sync_once(way.clone()).await.unwrap().pulled, 2);
    assert_eq!(november.list::<Note>(None, 9).await.unwrap().len(), 2);
    assert_eq!(read(&november, &note("2")).await.visits, 0, "that was another event");
    let edited = november.edit(&note("2"), |it| it.visits.add(1)).await.unwrap_err();
    assert_eq!(edited.code(), "filter.part");
    // Of a transaction that travels whole the replica folds what its filter names.
    let both = office.transaction(|tx| {
        tx.edit(&note("3"), |it| it.title.set("2026-11-03"))?;
        tx.edit(&note("4"), |it| it.title.set("2026-12-04"))
    });
    both.await.unwrap();
    office.sync_once(way.clone()).await.unwrap();
    assert_eq!(november.sync_once(way.clone()).await.unwrap().pulled, 2);
    let shown = november.list::<Note>(None, 9).await.unwrap();
    let titles: Vec<_> = shown.iter().map(|(_, note)| note.title.as_str()).collect();
    assert_eq!(titles, ["2026-11-00", "2026-11-02", "2026-11-03"]);
    november.close().await.unwrap();
    // Another argument is another part.
    let december = builder().filter(of_month("month", "2026-12")).predicates(months());
    let refused = december.clone().over(Arc::clone(&store)).await.unwrap_err();
    assert_eq!(refused.code(), "filter.wider");
    let december = december.refetch(true).over(store).await.unwrap();
    assert_eq!(december.sync_once(way).await.unwrap().pulled, 3);
    assert_eq!(december.list::<Note>(None, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_function_that_one_side_does_not_have_is_missed_by_name() {
    let builder = || Replica::builder().registry(registry![Note]);
    let unknown = builder().filter(of_month("month", "2026-11")).in_memory().await.unwrap_err();
    assert!(
        matches!(unknown.kind(), ErrorKind::FilterPredicate { predicate } if predicate.as_str() == "month")
    );
    let (_hub, way) = hub();
    let reader = builder().filter(of_month("month", "2026-11")).predicates(months());
    let reader = reader.in_memory().await.unwrap();
    let refused = reader.sync_once(way).await.unwrap_err();
    assert_eq!(refused.code(), "session.peer_ended");
    assert!(
        refused.to_string().contains("the predicate `month` of the filter is not known here"),
        "{refused}"
    );
    // Between two replicas, the one that serves needs it.
    let office = builder().predicates(months()).in_memory().await.unwrap();
    office.edit(&note("1"), |it| it.title.set("2026-11-01")).await.unwrap();
    let serving =
        Hub::builder().predicates(months()).over(Arc::new(office.store().share().unwrap()));
    assert_eq!(reader.sync_once(way_to(&serving)).await.unwrap().pulled, 1);
    // A part that serves is asked by its filter, too.
    let served = Hub::builder().over(Arc::new(reader.store().share().unwrap()));
    let unknowing = builder().in_memory().await.unwrap();
    assert_eq!(unknowing.sync_once(way_to(&served)).await.unwrap_err().code(), "session.denied");
    assert_eq!(office.sync_once(way_to(&served)).await.unwrap().pulled, 0);
}

#[tokio::test]
async fn a_function_that_panics_hides_the_event() {
    let (name, office) = (Name::new("picky").unwrap(), both().await);
    let picky = Predicates::new().with(name.clone(), |event, _| {
        let text = std::str::from_utf8(event.payload).unwrap_or_default();
        assert!(!text.contains("bad"), "it does not like that");
        true
    });
    for text in ["good", "bad", "better"] {
        office.edit(&note(text), |it| it.title.set(text)).await.unwrap();
    }
    let hub = Hub::builder().predicates(picky.clone()).in_memory().unwrap();
    office.sync_once(way_to(&hub)).await.unwrap();
    let filter = Filter::new().part(FilterPart::new().when(name, ""));
    let reader = Replica::builder().registry(registry![Note]).filter(filter);
    let reader = reader.predicates(picky).in_memory().await.unwrap();
    assert_eq!(reader.sync_once(way_to(&hub)).await.unwrap().pulled, 2);
    assert_eq!(reader.list::<Note>(None, 9).await.unwrap().len(), 2);
}
