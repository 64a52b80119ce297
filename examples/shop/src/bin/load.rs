//! `cargo run --release -p shop --bin load [-- URL..]`: the shop without a cache and with one (or on these), beside each
//! other in one run: the same answers, and requests per second.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use shop::load::{Client, Trouble, Wish, Wishes, essence};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Requests whose answers are compared.
const COMPARED: usize = 10_000;
/// Connections at once, and for how long.
const CLIENTS: u64 = 16;
const TIME: Duration = Duration::from_secs(5);
/// Writes among a thousand requests: many while answers are compared, few as in a shop.
const MANY: u64 = 50;
const FEW: u64 = 2;

/// What makes this program a shop: it starts itself once for each cache.
const SERVE: &str = "--serve";

struct Shop {
    url: String,
    address: SocketAddr,
    _process: Child,
}

async fn start(url: &str) -> Result<Shop, Trouble> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([SERVE, "--cache", url, "--port", "0"]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut process = command.spawn()?;
    let output = process.stdout.take().ok_or("the shop has no output")?;
    let line = BufReader::new(output).lines().next_line().await?.ok_or("the shop said nothing")?;
    let address = line.strip_prefix("http://").and_then(|rest| rest.split(' ').next()).ok_or("no address")?;
    Ok(Shop { url: url.to_owned(), address: address.parse()?, _process: process })
}

/// Sends the same requests to all, one after the other, and compares the answers.
async fn compare(shops: &[Shop]) -> Result<(), Trouble> {
    let mut clients = Vec::new();
    for shop in shops {
        clients.push(Client::connect(shop.address).await?);
    }
    for (number, wish) in Wishes::new(7, MANY).take(COMPARED).enumerate() {
        let mut first = None;
        for (shop, client) in shops.iter().zip(&mut clients) {
            let own = essence(&wish, &client.send(&wish).await?);
            match &first {
                None => first = Some(own),
                Some(first) if *first == own => {}
                Some(first) => {
                    return Err(
                        format!("{number}: {wish:?}: on {} {own:?}, expected {first:?}", shop.url).into()
                    );
                }
            }
        }
    }
    println!("{COMPARED} mixed requests, {MANY} of 1000 writes: the same answers, byte for byte");
    Ok(())
}

/// Requests per second, and the slowest of a hundred.
async fn measure(shop: &Shop) -> Result<(f64, Duration), Trouble> {
    let mut tasks = Vec::new();
    let begun = Instant::now();
    for seed in 0..CLIENTS {
        let mut client = Client::connect(shop.address).await?;
        tasks.push(tokio::spawn(async move {
            let mut times = Vec::new();
            for wish in Wishes::new(seed + 100, FEW) {
                if begun.elapsed() > TIME {
                    break;
                }
                let asked = Instant::now();
                ask(&mut client, &wish).await?;
                times.push(asked.elapsed());
            }
            Ok::<_, Trouble>(times)
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    times.sort_unstable();
    let late = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    let per_second = times.len() as f64 / begun.elapsed().as_secs_f64();
    Ok((per_second, late))
}

async fn ask(client: &mut Client, wish: &Wish) -> Result<(), Trouble> {
    let response = client.send(wish).await?;
    if response.status().is_server_error() {
        return Err(format!("{wish:?}: {response:?}").into());
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Trouble> {
    let mut words = std::env::args().skip(1).peekable();
    if words.next_if(|word| word == SERVE).is_some() {
        return shop::serve::serve(words).await;
    }
    let given: Vec<String> = words.collect();
    let urls = if given.is_empty() { vec!["simple://?threshold=20000".to_owned()] } else { given };
    let mut shops = vec![start("null://").await?];
    for url in &urls {
        shops.push(start(url).await?);
    }
    compare(&shops).await?;
    println!("{CLIENTS} connections, {} s each, {FEW} of 1000 writes:", TIME.as_secs());
    let mut bare = None;
    for shop in &shops {
        let (per_second, late) = measure(shop).await?;
        let bare = *bare.get_or_insert(per_second);
        println!(
            "  {:<28}{per_second:>9.0} requests/s  {:>5.1} times  99 % within {:.1} ms",
            shop.url,
            per_second / bare,
            late.as_secs_f64() * 1000.0
        );
    }
    Ok(())
}
