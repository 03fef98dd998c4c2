//! An edit by the second version.

use evolve_v2::{Inspection, Measured, Signed};
use synckit::{Id, Replica};

use super::show::Failure;

pub(crate) async fn edit(replica: &Replica) -> Result<(), Failure> {
    let boiler = Id::<Inspection>::named("boiler-b")?;
    replica
        .edit(&boiler, |edit| {
            edit.emit(Measured { degrees: 93, unit: "C".to_owned() });
            // Somebody has an old thermometer, and nothing stops them.
            edit.emit(Measured { degrees: 76, unit: "Réaumur".to_owned() });
            let remark = Some("the gauge is hard to read".to_owned());
            edit.emit(Signed { by: "bob".to_owned(), remark, minutes: 25 });
        })
        .await?;
    Ok(())
}
