//! What comparisons say of values together: how far each may lie above each other one.
//!
//! Every difference that is bounded is an edge of a graph, which is kept closed (each edge is the shortest
//! path), so that a contradiction, a cycle below zero, shows as soon as there is one (Dechter, Meiri and
//! Pearl: Temporal constraint networks, 1991).

use std::cmp::Ordering;
use std::ops::Add;

use datafusion_expr::Expr;

/// More values than a condition compares; beyond, nothing is taken in. An edge costs their square.
const MOST: usize = 100;

/// What a comparison has on a side.
#[derive(Clone, Debug, PartialEq)]
pub enum BoundedValue {
    /// What an expression gives, and whether that is a whole number, or a day or an instant as one.
    Term(Expr, bool),
    Constant(Constant),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// Days and microseconds too.
    Whole(i128),
    /// Its digits, and how many of them are behind the point.
    Decimal(i128, u8),
    Number(f64),
    Text(String),
    Boolean(bool),
}

/// The most that one value may lie above another; `open`: less than that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    pub most: i128,
    pub open: bool,
}

/// These values can't be as they were said to be.
#[derive(Debug)]
pub struct Contradiction;

#[derive(Clone, Debug, Default)]
pub struct DifferenceBounds {
    values: Vec<BoundedValue>,
    /// How far the first value may lie above the second, by their places; `None` where nothing bounds it.
    gaps: Vec<Vec<Option<Gap>>>,
}

impl DifferenceBounds {
    /// Takes in that one value lies no more than a gap above another.
    pub fn above(
        &mut self,
        one: &BoundedValue,
        other: &BoundedValue,
        gap: Gap,
    ) -> Result<(), Contradiction> {
        let whole = one.is_whole() && other.is_whole() && gap.open;
        let gap = if whole { Gap { most: gap.most - 1, open: false } } else { gap };
        match (self.place(one), self.place(other)) {
            (Some(one), Some(other)) => self.tighten(one, other, gap),
            _ => Ok(()),
        }
    }

    /// By how much one value lies above another, if it can lie nowhere else.
    pub fn difference(&self, one: &BoundedValue, other: &BoundedValue) -> Option<i128> {
        if one == other {
            return Some(0);
        }
        let place = |value| self.values.iter().position(|known| known == value);
        let (one, other) = (place(one)?, place(other)?);
        let (up, down) = (self.gaps[one][other]?, self.gaps[other][one]?);
        (up + down == Gap { most: 0, open: false }).then_some(up.most)
    }

    /// The place of a value, which is added unless it is known.
    fn place(&mut self, value: &BoundedValue) -> Option<usize> {
        if let Some(place) = self.values.iter().position(|known| known == value) {
            return Some(place);
        }
        let place = self.values.len();
        if place == MOST {
            return None;
        }
        self.values.push(value.clone());
        self.gaps.iter_mut().for_each(|row| row.push(None));
        self.gaps.push(vec![None; place + 1]);
        self.gaps[place][place] = Some(Gap { most: 0, open: false });
        for other in 0..place {
            let (BoundedValue::Constant(one), BoundedValue::Constant(two)) =
                (value, self.values[other].clone())
            else {
                continue;
            };
            // Constants do not contradict each other.
            for (from, to, gap) in [(place, other, one.above(&two)), (other, place, two.above(one))]
            {
                let tightened = gap.map_or(Ok(()), |gap| self.tighten(from, to, gap));
                debug_assert!(tightened.is_ok());
            }
        }
        Some(place)
    }

    fn tighten(&mut self, one: usize, other: usize, gap: Gap) -> Result<(), Contradiction> {
        if self.gaps[other][one].is_some_and(|back| (gap + back).is_below_zero()) {
            return Err(Contradiction);
        }
        if self.gaps[one][other].is_some_and(|known| !gap.is_below(known)) {
            return Ok(());
        }
        for from in 0..self.values.len() {
            let Some(before) = self.gaps[from][one] else { continue };
            for to in 0..self.values.len() {
                let Some(behind) = self.gaps[other][to] else { continue };
                let way = before + gap + behind;
                if self.gaps[from][to].is_none_or(|known| way.is_below(known)) {
                    self.gaps[from][to] = Some(way);
                }
            }
        }
        Ok(())
    }
}

impl BoundedValue {
    fn is_whole(&self) -> bool {
        matches!(self, BoundedValue::Term(_, true) | BoundedValue::Constant(Constant::Whole(_)))
    }
}

impl Constant {
    /// The most that it lies above another; `None` where that is not known.
    fn above(&self, other: &Constant) -> Option<Gap> {
        let order = match (self, other) {
            (Constant::Number(one), Constant::Number(two)) => one.total_cmp(two),
            (Constant::Text(one), Constant::Text(two)) => one.cmp(two),
            (Constant::Boolean(one), Constant::Boolean(two)) => one.cmp(two),
            _ => return decimal_gap(self.decimal()?, other.decimal()?),
        };
        match order {
            Ordering::Less => Some(Gap { most: 0, open: true }),
            Ordering::Equal => Some(Gap { most: 0, open: false }),
            Ordering::Greater => None,
        }
    }

    fn decimal(&self) -> Option<(i128, u8)> {
        match self {
            Constant::Whole(value) => Some((*value, 0)),
            Constant::Decimal(digits, behind) => Some((*digits, *behind)),
            _ => None,
        }
    }
}

/// By how much one decimal lies above another: the next whole number, unless it is one.
fn decimal_gap((one, behind): (i128, u8), (other, behind_other): (i128, u8)) -> Option<Gap> {
    let digits = behind.max(behind_other);
    let scaled = |of: i128, behind: u8| of.checked_mul(10i128.pow((digits - behind).into()));
    let difference = scaled(one, behind)?.checked_sub(scaled(other, behind_other)?)?;
    let unit = 10i128.pow(digits.into());
    let open = difference % unit != 0;
    Some(Gap { most: difference.div_euclid(unit) + i128::from(open), open })
}

impl Add for Gap {
    type Output = Gap;

    fn add(self, other: Gap) -> Gap {
        Gap { most: self.most + other.most, open: self.open || other.open }
    }
}

impl Gap {
    fn is_below(self, other: Gap) -> bool {
        self.most < other.most || self.most == other.most && self.open && !other.open
    }

    fn is_below_zero(self) -> bool {
        self.is_below(Gap { most: 0, open: false })
    }
}
