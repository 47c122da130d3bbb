//! `sluice load`.

pub(crate) use crate::load::Options;
use crate::{Error, load};

#[allow(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    super::init_logs("warn");
    let json = options.json;
    let report = load::run(options).await?;
    if json {
        println!("{}", serde_json::to_string(&report).expect("a report is JSON"));
    } else {
        println!("{report}");
    }
    Ok(())
}
