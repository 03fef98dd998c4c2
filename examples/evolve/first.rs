//! An edit by the first version.

use evolve_v1::{Inspection, Measured, Signed};
use synckit::{Id, Replica};

use super::show::Failure;

pub(crate) async fn edit(replica: &Replica) -> Result<(), Failure> {
    let boiler = Id::<Inspection>::named("boiler-b")?;
    replica
        .edit(&boiler, |edit| {
            edit.title.set("Boiler B");
            edit.emit(Measured { fahrenheit: 194 });
            edit.emit(Signed { by: "ann".to_owned() });
        })
        .await?;
    Ok(())
}
