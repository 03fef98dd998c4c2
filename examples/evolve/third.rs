//! An edit by the third version.

use evolve_v3::{Inspection, Measured, Signed};
use synckit::{Id, Replica};

use super::show::Failure;

pub(crate) async fn edit(replica: &Replica) -> Result<(), Failure> {
    let boiler = Id::<Inspection>::named("boiler-b")?;
    replica
        .edit(&boiler, |edit| {
            edit.emit(Measured { celsius: 88 });
            edit.emit(Signed { inspector: "cleo".to_owned(), remark: None, minutes: 15 });
        })
        .await?;
    Ok(())
}
