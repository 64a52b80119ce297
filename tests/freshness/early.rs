//! Renewing by chance, as callers meet it: those who come all the time hardly ever find a value gone.

use super::*;
use cachekit::memoize;

/// What is computed, and when it was, by a clock that computing moves.
#[derive(Clone, Debug)]
struct World {
    clock: ManualClock,
    born: Arc<std::sync::Mutex<Duration>>,
    gone: Count,
    runs: Count,
    start: std::time::SystemTime,
}

const FRESH: Duration = Duration::from_millis(200);
const TAKES: Duration = Duration::from_millis(1);

impl World {
    fn new(clock: ManualClock) -> Self {
        let start = clock.clock().wall();
        Self { clock, born: Arc::default(), gone: Count::default(), runs: Count::default(), start }
    }

    fn now(&self) -> Duration {
        self.clock.clock().wall().duration_since(self.start).unwrap()
    }

    fn compute(&self) -> usize {
        let n = self.runs.up();
        if n > 1 && self.now() >= *self.born.lock().unwrap() + FRESH {
            self.gone.up();
        }
        std::thread::sleep(TAKES);
        self.clock.advance(TAKES);
        *self.born.lock().unwrap() = self.now();
        n
    }
}

#[memoize(timeout = "200ms", early, args_to_ignore = [world])]
fn renewed(world: &World) -> usize {
    world.compute()
}

#[memoize(timeout = "200ms", args_to_ignore = [world])]
fn left_alone(world: &World) -> usize {
    world.compute()
}

/// Callers come at random, ten in the time of a computation on average, for so many lives of a value. How often one finds
/// it gone, and how often it was computed.
fn live(call: impl Fn(&World) -> usize) -> (usize, usize) {
    let (scope, clock) = scope();
    let world = World::new(clock.clone());
    let mut state: u64 = 0x2545_F491_4F6C_DD1D;
    scope.run(|| {
        while world.now() < 150 * FRESH {
            call(&world);
            // Exponential, so that who comes is as random as can be.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            #[allow(clippy::cast_precision_loss, reason = "a random number")]
            let unit = ((state >> 11) + 1) as f64 / (1_u64 << 53) as f64;
            clock.advance((TAKES / 10).mul_f64(-unit.ln()));
        }
    });
    (world.gone.get(), world.runs.get())
}

#[test]
fn callers_hardly_ever_find_a_value_gone() {
    let (gone_without, runs_without) = live(left_alone);
    let (gone, runs) = live(renewed);
    #[allow(clippy::cast_precision_loss, reason = "for people")]
    let saved = 100.0 * (1.0 - gone as f64 / gone_without as f64);
    println!(
        "ten callers in the time of a computation: without `early` {gone_without} callers found the value gone \
         ({runs_without} computations), with it {gone} ({runs} computations): {saved:.1} % fewer"
    );
    assert!(gone_without >= 125, "{gone_without}");
    assert!(gone * 20 <= gone_without, "{gone} of {gone_without}");
}
