//! Pools of places, wherever their counters stand: a post of a shift, a slot of a venue, the seats of a bus run.
//!
//! A table that holds pools has the columns `capacity`, `waitlist_capacity`, `taken`, `offered`, `waitlisted`, `last_number`,
//! `due_at` and `moves`. [`write_move!`] is the one way to change them. A module that has such a table, and claims beside it, is an
//! [`Owner`]; how places are asked for, given back and passed on is then written here, once.
//!
//! A [`Move`] that changes no row means that somebody else was quicker. The pool is then loaded and decided upon again,
//! within the same transaction: an UPDATE that has waited for another transaction's end is followed by a look that sees it.

use jiazai_domain::kernel::capacity::{Move, Only, Pool, Terms};
use jiazai_domain::kernel::time::Timestamp;

use crate::db::{DbError, Tx};

/// Of sixty who press at once, one after the other may be in the way of a single one; more than this is not bad luck.
const ROUNDS: usize = 16;

/// What has a pool, as it was loaded, and claims on it.
pub(crate) trait Owner {
    /// What is to be written of the claims when a settlement's move is.
    type Settled;

    fn pool(&self) -> Pool;

    /// The pool as the database has it by now.
    fn put(&mut self, pool: Pool);

    /// None when nothing of it is given to anybody any more.
    fn terms(&self) -> Option<Terms>;

    fn stored(&self, tx: &mut Tx) -> Result<Pool, DbError>;

    /// [`write_move!`] on the pool's own row.
    fn write(&self, tx: &mut Tx, movement: &Move) -> Result<Option<Pool>, DbError>;

    /// What is due in the pool as it was loaded: the move of [`Pool::settle`] with what goes with it.
    fn due(&self, tx: &mut Tx, terms: &Terms) -> Result<Option<(Move, Self::Settled)>, DbError>;

    /// Called once the move is written, and only then.
    fn save(&self, tx: &mut Tx, settled: Self::Settled) -> Result<(), DbError>;
}

/// What comes of asking for a place.
pub(crate) enum Attempt<A, R> {
    /// Whatever is admitted, once this move is written.
    Moves(Move, A),
    /// Time has moved the line: it is settled, and asked again.
    Unsettled,
    Refused(R),
}

/// Does what time, or somebody's leaving, has left to do. Writes nothing when there is nothing to do.
pub(crate) fn settle<O: Owner>(tx: &mut Tx, owner: &mut O) -> Result<(), DbError> {
    for _ in 0..ROUNDS {
        let Some(terms) = owner.terms().filter(|terms| owner.pool().is_due(terms, tx.now())) else { break };
        let Some((movement, settled)) = owner.due(tx, &terms)? else { break };
        let pool = match owner.write(tx, &movement)? {
            Some(pool) => {
                owner.save(tx, settled)?;
                pool
            }
            None => owner.stored(tx)?,
        };
        owner.put(pool);
    }
    Ok(())
}

/// Asks for a place. `decide` is asked about the pool as it is known, and again when it has changed meanwhile. What was admitted
/// is still to be written; the pool is as its move has left it.
pub(crate) fn join<O: Owner, A, R>(
    tx: &mut Tx,
    owner: &mut O,
    mut decide: impl FnMut(&mut Tx, &O) -> Result<Attempt<A, R>, DbError>,
) -> Result<Result<A, R>, DbError> {
    settle(tx, owner)?;
    for _ in 0..ROUNDS {
        match decide(tx, owner)? {
            Attempt::Refused(refusal) => return Ok(Err(refusal)),
            Attempt::Moves(movement, admitted) => {
                if let Some(pool) = owner.write(tx, &movement)? {
                    owner.put(pool);
                    return Ok(Ok(admitted));
                }
                let pool = owner.stored(tx)?;
                owner.put(pool);
            }
            Attempt::Unsettled => {
                let pool = owner.stored(tx)?;
                owner.put(pool);
                settle(tx, owner)?;
            }
        }
    }
    Err(tx.run_again())
}

/// Writes a move that was decided. Where it does not hold any more, the whole transaction decides again. Afterwards the pool may be
/// due: whoever gives something back [settles](settle) once the claim is written.
pub(crate) fn moved<O: Owner>(tx: &mut Tx, owner: &mut O, movement: &Move) -> Result<(), DbError> {
    let Some(pool) = owner.write(tx, movement)? else { return Err(tx.run_again()) };
    owner.put(pool);
    Ok(())
}

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
        $crate::db::native!($tx, |conn| moved.get_result::<$crate::capacity::Counters>(conn).optional())
            .map(|row| row.map($crate::capacity::pool))
    }};
}
pub(crate) use write_move;

#[cfg(test)]
#[path = "capacity_tests.rs"]
mod tests;
