//! The truth that memoized functions compute from, and what was acknowledged of it: kept by one process, asked by several
//! over a socket.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub(crate) const INSTANCES: usize = 6;
pub(crate) const ARGUMENTS: usize = 4;

#[derive(Default)]
struct Cell {
    truth: u64,
    acknowledged: u64,
}

type Cells = Arc<Mutex<[[Cell; ARGUMENTS]; INSTANCES]>>;

/// Keeps a truth until the process ends; says where.
pub(crate) fn keep() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let cells = Cells::default();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let cells = Arc::clone(&cells);
            thread::spawn(move || answer(stream.unwrap(), &cells));
        }
    });
    address
}

/// Answers `word instance argument value` with a number, until the other side closes.
fn answer(mut stream: TcpStream, cells: &Cells) {
    stream.set_nodelay(true).unwrap();
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let Ok(line) = line else { return };
        let parts: Vec<&str> = line.split(' ').collect();
        let number = |index: usize| parts[index].parse::<usize>().unwrap();
        let cell = &mut cells.lock().unwrap()[number(1)][number(2)];
        let reply = match parts[0] {
            "truth" => cell.truth,
            "raise" => {
                cell.truth += 1;
                cell.truth
            }
            "acknowledge" => {
                cell.acknowledged = cell.acknowledged.max(number(3) as u64);
                cell.acknowledged
            }
            "acknowledged" => cell.acknowledged,
            other => panic!("{other}"),
        };
        if writeln!(stream, "{reply}").is_err() {
            return;
        }
    }
}

/// A connection of this thread's to the truth.
pub(crate) fn ask(word: &str, instance: usize, argument: usize, value: u64) -> u64 {
    thread_local! {
        static LINE: RefCell<Option<BufReader<TcpStream>>> = const { RefCell::new(None) };
    }
    LINE.with_borrow_mut(|line| {
        let line = line.get_or_insert_with(|| {
            let address = std::env::var("TRUTH").expect("where the truth is");
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            BufReader::new(stream)
        });
        writeln!(line.get_mut(), "{word} {instance} {argument} {value}").unwrap();
        let mut reply = String::new();
        line.read_line(&mut reply).unwrap();
        reply.trim().parse().unwrap()
    })
}
