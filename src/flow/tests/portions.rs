//! Ticks that are told portion by portion, beside the same ticks told at once.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use timely::dataflow::operators::vec::Input;
use timely::dataflow::operators::{Inspect, Probe};

use crate::flow::{InPortions, Pipeline, WholeTick, each, in_portions, whole_ticks};
use crate::state::batch::Batch;
use crate::time::Tick;

type Numbers = Rc<RefCell<Vec<(Tick, u8)>>>;

/// Tells a tick's numbers, some at a time.
struct Portions {
    most: usize,
    waiting: Vec<(Tick, u8)>,
    told: usize,
    /// What has arrived behind.
    behind: Numbers,
}

impl InPortions<u8, (Tick, u8)> for Portions {
    fn begin(&mut self, whole: WholeTick<u8>) {
        assert!(self.waiting.is_empty(), "the tick before has been told");
        self.waiting = whole.data.into_iter().map(|number| (whole.tick, number)).collect();
        self.told = self.behind.borrow().len();
    }

    fn emit(&mut self, out: &mut Batch<(Tick, u8)>) -> bool {
        let have_come = self.told <= self.behind.borrow().len();
        assert!(have_come, "what was told before has come before more is told");
        let portion: Vec<_> = self.waiting.drain(..self.most.min(self.waiting.len())).collect();
        self.told = self.behind.borrow().len() + portion.len();
        out.extend(portion);
        self.waiting.is_empty()
    }
}

proptest! {
    #![proptest_config(crate::property::cases(200))]

    #[test]
    fn portions_come_to_the_whole_in_order_and_others_have_their_turn_between_them(
        ticks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..6),
        most in 1..8usize,
        steps in 0..4usize,
    ) {
        let (told, seen) = timely::execute_directly(move |worker| {
            let (told, seen) = (Numbers::default(), Numbers::default());
            let (mut input, probe) = worker.dataflow::<Tick, _, _>(|scope| {
                let (input, numbers) = scope.new_input::<u8>();
                let whole = whole_ticks(numbers.clone(), Pipeline, None, "Whole", |whole, out| {
                    let tick = whole.tick;
                    out.extend(whole.data.into_iter().map(|number| (tick, number)));
                });
                let telling = Rc::clone(&told);
                whole.inspect(move |number| telling.borrow_mut().push(*number));
                let behind = Rc::clone(&seen);
                let portions = Portions { most, waiting: Vec::new(), told: 0, behind };
                let portions = in_portions(numbers, Pipeline, None, "Portions", portions);
                let seeing = Rc::clone(&seen);
                let seen = each(portions, "Each", move |tick, (of, number), out| {
                    assert_eq!(tick, of);
                    seeing.borrow_mut().push((tick, number));
                    out.push(());
                });
                (input, seen.probe().0)
            });
            for (tick, numbers) in (0..).zip(ticks) {
                input.advance_to(tick);
                numbers.into_iter().for_each(|number| input.send(number));
                for _ in 0..steps {
                    worker.step();
                }
            }
            input.close();
            worker.step_while(|| !probe.done());
            (told.take(), seen.take())
        });
        prop_assert_eq!(told, seen);
    }
}
