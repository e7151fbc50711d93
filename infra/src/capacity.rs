//! Pools of places, wherever their counters stand: a post of a shift now, a slot of a venue or a bus run later.
//!
//! A table that holds pools has the columns `capacity`, `waitlist_capacity`, `taken`, `offered`, `waitlisted`, `last_number`,
//! `due_at` and `moves`. [`write_move!`] is the one way to change them.

use jiazai_domain::kernel::capacity::{Only, Pool};
use jiazai_domain::kernel::time::Timestamp;

/// The counters in the order in which `write_move!` returns them.
pub(crate) type Counters = (i64, i64, i64, i64, i64, i64, Option<i64>, i64);

pub(crate) fn pool((capacity, waitlist_capacity, taken, offered, waitlisted, last_number, due_at, moves): Counters) -> Pool {
    Pool { capacity, waitlist_capacity, taken, offered, waitlisted, last_number, due_at: due_at.map(Timestamp::from_millis), moves }
}

/// The condition of a move as bounds: most who may wait, least by which what is taken exceeds the capacity, and the
/// range of `moves`. As bounds, because then one statement serves every move and is prepared once.
pub(crate) fn bounds(only: Only) -> (i64, i64, i64, i64) {
    const FAR: i64 = 1 << 50;
    match only {
        Only::Always => (FAR, -FAR, 0, FAR),
        Only::IfNobodyWaits => (0, -FAR, 0, FAR),
        Only::IfFull => (FAR, 0, 0, FAR),
        Only::IfUnmoved(moves) => (FAR, -FAR, moves, moves),
    }
}

/// Writes a [`Move`](jiazai_domain::kernel::capacity::Move) to the rows of `$table` that `$row` names, and gives the pool as the
/// database left it; none when the move's conditions do not hold there (any more): load and decide again.
macro_rules! write_move {
    ($tx:expr, $table:ident, $row:expr, $movement:expr) => {{
        let m = $movement;
        let (most_waiting, least_over, moves_from, moves_to) = $crate::capacity::bounds(m.only);
        let held = m.taken + m.offered - m.capacity;
        let moved = diesel::update(
            $table::table
                .filter($row)
                .filter($table::taken.ge(-m.taken))
                .filter($table::offered.ge(-m.offered))
                .filter($table::waitlisted.ge(-m.waitlisted))
                .filter(($table::taken + $table::offered).le($table::capacity - held))
                .filter($table::waitlisted.le($table::waitlist_capacity + (m.waitlist_capacity - m.waitlisted)))
                .filter($table::waitlisted.le(most_waiting))
                .filter(($table::taken + $table::offered).ge($table::capacity + least_over))
                .filter($table::moves.between(moves_from, moves_to)),
        )
        .set((
            $table::capacity.eq($table::capacity + m.capacity),
            $table::waitlist_capacity.eq($table::waitlist_capacity + m.waitlist_capacity),
            $table::taken.eq($table::taken + m.taken),
            $table::offered.eq($table::offered + m.offered),
            $table::waitlisted.eq($table::waitlisted + m.waitlisted),
            $table::last_number.eq($table::last_number + m.last_number),
            $table::moves.eq($table::moves + 1),
            m.due_at.map(|at| $table::due_at.eq(at.map(|at| at.millis()))),
        ))
        .returning((
            $table::capacity,
            $table::waitlist_capacity,
            $table::taken,
            $table::offered,
            $table::waitlisted,
            $table::last_number,
            $table::due_at,
            $table::moves,
        ));
        $tx.run(|conn| moved.get_result::<$crate::capacity::Counters>(conn).optional()).map(|row| row.map($crate::capacity::pool))
    }};
}
pub(crate) use write_move;
