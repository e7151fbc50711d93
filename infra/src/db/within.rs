//! `column IN (…)` in a statement whose text does not depend on how long the list is.
//!
//! Diesel's `eq_any` writes a placeholder for each value on SQLite, so such a statement is prepared anew each time (what that costs is
//! in docs/decisions/0016). Here the list is one value: an array for PostgreSQL, a JSON text for SQLite.

use diesel::expression::ValidGrouping;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bool, Text};
use diesel::sqlite::Sqlite;

/// See [`InList::within`].
#[derive(Debug, Clone, QueryId, ValidGrouping)]
pub struct Within<C> {
    column: C,
    wanted: Vec<String>,
    json: String,
}

pub(crate) trait InList: Expression<SqlType = Text> + Sized {
    /// Whether the column is one of these texts. For queries that run as the database's own (`native!`).
    fn within(self, wanted: impl IntoIterator<Item = impl Into<String>>) -> Within<Self> {
        let wanted: Vec<String> = wanted.into_iter().map(Into::into).collect();
        // A list of texts can always be written as JSON.
        let json = serde_json::Value::from(wanted.clone()).to_string();
        Within { column: self, wanted, json }
    }
}

impl<C: Expression<SqlType = Text>> InList for C {}

impl<C: Expression> Expression for Within<C> {
    type SqlType = Bool;
}

impl<C: AppearsOnTable<T>, T> AppearsOnTable<T> for Within<C> {}

impl<C: SelectableExpression<T>, T> SelectableExpression<T> for Within<C> {}

impl<C: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Within<C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, _>(&self.json)?;
        out.push_sql("))");
        Ok(())
    }
}

impl<C: QueryFragment<Pg>> QueryFragment<Pg> for Within<C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<Text>, _>(&self.wanted)?;
        out.push_sql(")");
        Ok(())
    }
}
