//! The program that serves the hello component in the host of `credwell serve`, on a free port of the
//! loopback.

use credwell_bench::hello;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listener = hello::listener().await?;
    println!("listening on http://{}", listener.address());
    listener.serve(std::future::pending()).await;
    Ok(())
}
