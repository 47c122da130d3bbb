//! `sluice derive`: the chain from L1 alone.

use std::path::PathBuf;

use serde_json::json;
use sluice_store::Store;

use crate::{Error, config, flow};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Chain config file.
    #[arg(long)]
    chain: PathBuf,
    /// JSON-RPC endpoint of an L1 execution client.
    #[arg(long, env = "SLUICE_L1_RPC")]
    l1_rpc: String,
    /// REST endpoint of an L1 consensus client, for blobs.
    #[arg(long, env = "SLUICE_L1_BEACON")]
    l1_beacon: String,
    /// Empty folder for the rebuilt database.
    #[arg(long)]
    data_dir: PathBuf,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

#[allow(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    super::init_logs("warn");
    let chain = config::chain(&options.chain)?;
    let l1 = flow::connect_l1(&options.l1_rpc, &options.l1_beacon, &chain).await?;
    config::writable_folder(&options.data_dir)?;
    if Store::is_initialised(&options.data_dir) {
        return Err(Error::Config(format!(
            "{} already holds a chain; `derive` starts from nothing, give an empty folder",
            options.data_dir.display()
        )));
    }
    let store = flow::open_store(&options.data_dir, chain)?;
    flow::derive_to_head(&store, l1).await?;
    let head = store.head_block();
    let (number, header) = (head.number().0, &head.block.header);
    if options.json {
        println!(
            "{}",
            json!({ "number": number, "hash": head.hash, "state_root": header.state_root, "heads": store.heads() })
        );
    } else {
        println!("head        {number}\nhash        {}\nstate root  {}", head.hash, header.state_root);
    }
    Ok(())
}
