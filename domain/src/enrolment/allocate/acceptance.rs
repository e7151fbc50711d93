//! Deferred acceptance within one batch, in the form in which children propose.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::order::compare;
use super::unit::Unit;
use crate::enrolment::rules::{RuleSet, TieBreak};

/// How a batch was filled.
#[derive(Debug)]
pub(super) struct Filled {
    /// For each unit the place in its choices, if it got one.
    pub places: Vec<Option<usize>>,
    /// For each unit and choice its rank at that school: smaller first, no two alike at one school.
    pub ranks: Vec<Vec<u32>>,
    /// Somebody was passed over for no better reason than a draw or, without one, a receipt.
    pub draw_decided: bool,
    /// The same, where one of the two has no place in the draw.
    pub undrawn: bool,
}

/// Fills the seats that are left with the units of one batch.
pub(super) fn fill(units: &[Unit], left: &[i64], rules: &RuleSet) -> Filled {
    let ranks = ranks(units, left.len(), rules);
    // Where a household that a school held was sent away again by a better one and seats stayed empty, children that
    // were turned away in between would have had them. So such a household is not let in there from the beginning, and
    // everything is done again. That ends, because each time a pair (household, school) is added; and it only happens
    // where schools have different orders, because otherwise the better one always comes first.
    let mut barred: BTreeSet<(usize, usize)> = BTreeSet::new();
    let (mut draw_decided, mut undrawn) = (false, false);
    loop {
        let mut run = Run::new(units, left, &ranks, rules);
        for unit in 0..units.len() {
            run.propose(unit, &barred);
        }
        // Also by a run that is done again: it decided whom to keep out.
        draw_decided |= run.draw_decided;
        undrawn |= run.undrawn;
        if run.sent_away.is_empty() {
            return Filled { places: run.places, draw_decided, undrawn, ranks };
        }
        barred.append(&mut run.sent_away);
    }
}

/// The order of each school over all who list it.
fn ranks(units: &[Unit], schools: usize, rules: &RuleSet) -> Vec<Vec<u32>> {
    let mut ranks: Vec<Vec<u32>> = units.iter().map(|unit| vec![0; unit.choices.len()]).collect();
    // Units come in the order of all other tie-breaks: without distance that is every school's order.
    if !rules.tie_break().contains(&TieBreak::Distance) {
        for (rank, unit) in ranks.iter_mut().enumerate() {
            unit.fill(rank as u32);
        }
        return ranks;
    }
    let mut listing: Vec<Vec<(usize, usize)>> = vec![Vec::new(); schools];
    for (u, unit) in units.iter().enumerate() {
        for (c, choice) in unit.choices.iter().enumerate() {
            listing[choice.school].push((u, c));
        }
    }
    for mut list in listing {
        list.sort_by(|(u, c), (v, d)| compare(rules, (&units[*u], &units[*u].choices[*c]), (&units[*v], &units[*v].choices[*d])).0);
        for (rank, (u, c)) in list.into_iter().enumerate() {
            ranks[u][c] = rank as u32;
        }
    }
    ranks
}

struct Run<'a> {
    units: &'a [Unit],
    ranks: &'a [Vec<u32>],
    rules: &'a RuleSet,
    left: &'a [i64],
    /// For each school those whom it holds, best first, as (rank, unit, choice).
    held: Vec<BTreeSet<(u32, usize, usize)>>,
    used: Vec<i64>,
    places: Vec<Option<usize>>,
    sent_away: BTreeSet<(usize, usize)>,
    draw_decided: bool,
    undrawn: bool,
}

impl<'a> Run<'a> {
    fn new(units: &'a [Unit], left: &'a [i64], ranks: &'a [Vec<u32>], rules: &'a RuleSet) -> Self {
        Self {
            units,
            ranks,
            rules,
            left,
            held: vec![BTreeSet::new(); left.len()],
            used: vec![0; left.len()],
            places: vec![None; units.len()],
            sent_away: BTreeSet::new(),
            draw_decided: false,
            undrawn: false,
        }
    }

    /// Lets a unit propose down its list, and everybody whom that sends away down theirs.
    fn propose(&mut self, unit: usize, barred: &BTreeSet<(usize, usize)>) {
        let mut asking = vec![(unit, 0)];
        while let Some((unit, from)) = asking.pop() {
            for choice in from..self.units[unit].choices.len() {
                let school = self.units[unit].choices[choice].school;
                if barred.contains(&(unit, school)) {
                    continue;
                }
                let refused = self.ask(unit, choice, school);
                let kept = refused.iter().all(|(_, other, _)| *other != unit);
                for (_, other, at) in refused.into_iter().filter(|(_, other, _)| *other != unit) {
                    self.places[other] = None;
                    asking.push((other, at + 1));
                }
                if kept {
                    self.places[unit] = Some(choice);
                    break;
                }
            }
        }
    }

    /// A school chooses among those whom it holds and the one who asks: down its order, whoever still fits. Answers
    /// those who are not held afterwards.
    fn ask(&mut self, unit: usize, choice: usize, school: usize) -> Vec<(u32, usize, usize)> {
        let seats = self.left[school];
        let entry = (self.ranks[unit][choice], unit, choice);
        // The common case without touching the tree: full, and behind everybody.
        if self.used[school] >= seats && self.held[school].last().is_none_or(|worst| *worst < entry) {
            self.note(school, entry);
            return vec![entry];
        }
        self.held[school].insert(entry);
        self.used[school] += self.units[unit].size();
        let mut refused = Vec::new();
        while self.used[school] > seats {
            let Some(worst) = self.held[school].pop_last() else { break };
            self.used[school] -= self.units[worst.1].size();
            refused.push(worst);
        }
        // A household that does not fit makes room for those behind it.
        refused.reverse();
        refused.retain(|one| {
            let fits = self.used[school] + self.units[one.1].size() <= seats;
            if fits {
                self.held[school].insert(*one);
                self.used[school] += self.units[one.1].size();
            }
            !fits
        });
        for one in &refused {
            self.note(school, *one);
            let household = self.units[one.1].members.len() > 1;
            if household && one.1 != unit && self.used[school] < seats {
                self.sent_away.insert((one.1, school));
            }
        }
        refused
    }

    /// Whether this refusal was decided by nothing but a draw: those who stand before it by better reasons leave room
    /// for it, so one who stands alike has the seat.
    fn note(&mut self, school: usize, refused: (u32, usize, usize)) {
        let out = (&self.units[refused.1], &self.units[refused.1].choices[refused.2]);
        let against = |(_, unit, choice): &(u32, usize, usize)| {
            let (order, by) = compare(self.rules, (&self.units[*unit], &self.units[*unit].choices[*choice]), out);
            (order, matches!(by, None | Some(TieBreak::Draw)))
        };
        let held = &self.held[school];
        let has_number = |unit: usize| self.units[unit].is_drawn(self.rules);
        let mut against_undrawn = !has_number(refused.1);
        let drawn = if out.0.size() == 1 {
            // Everybody held stands before a single child, so the last one tells.
            let worst = held.last().filter(|worst| against(worst).1);
            against_undrawn |= worst.is_some_and(|worst| !has_number(worst.1));
            worst.is_some()
        } else {
            let better = held.iter().take_while(|one| against(one) == (Ordering::Less, false)).map(|(_, unit, _)| self.units[*unit].size());
            let alike: Vec<usize> = held.iter().filter(|one| against(one).1).map(|(_, unit, _)| *unit).collect();
            against_undrawn |= alike.iter().any(|unit| !has_number(*unit));
            better.sum::<i64>() + out.0.size() <= self.left[school] && !alike.is_empty()
        };
        self.draw_decided |= drawn;
        self.undrawn |= drawn && against_undrawn;
    }
}
