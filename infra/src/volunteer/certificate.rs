//! Certificates.

use diesel::prelude::*;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{Certificate, CertificateCode, CertificateFacts, Revocation};

use crate::db::schema::volunteer_certificates as table;
use crate::db::{DbError, Tx, native, parsed};
use crate::events;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = table)]
struct Row {
    code: String,
    community_id: String,
    resident_id: String,
    masked_name: String,
    minutes: i64,
    issuer: String,
    issued_at: i64,
    revoked_at: Option<i64>,
    revoked_by: Option<String>,
    revoked_because: Option<String>,
    version: i64,
}

impl Row {
    fn of(certificate: &Certificate) -> Self {
        let f = certificate.facts();
        Self {
            code: f.code.to_string(),
            community_id: f.community.text(),
            resident_id: f.resident.text(),
            masked_name: f.masked_name.clone(),
            minutes: f.minutes,
            issuer: f.issuer.clone(),
            issued_at: f.issued_at.millis(),
            revoked_at: f.revoked.as_ref().map(|r| r.at.millis()),
            revoked_by: f.revoked.as_ref().map(|r| r.by.text()),
            revoked_because: f.revoked.as_ref().map(|r| r.reason.clone()),
            version: f.version,
        }
    }

    fn certificate(self) -> Result<Certificate, DbError> {
        let revoked = match (self.revoked_at, self.revoked_by) {
            (Some(at), Some(by)) => {
                Some(Revocation { at: Timestamp::from_millis(at), by: parsed(&by)?, reason: self.revoked_because.unwrap_or_default() })
            }
            _ => None,
        };
        Ok(Certificate::restore(CertificateFacts {
            code: parsed(&self.code)?,
            version: self.version,
            community: parsed(&self.community_id)?,
            resident: parsed(&self.resident_id)?,
            masked_name: self.masked_name,
            minutes: self.minutes,
            issuer: self.issuer,
            issued_at: Timestamp::from_millis(self.issued_at),
            revoked,
        }))
    }
}

pub fn certificate(tx: &mut Tx, code: CertificateCode) -> Result<Option<Certificate>, DbError> {
    let row: Option<Row> = native!(tx, |conn| table::table.find(code.to_string()).select(Row::as_select()).first(conn).optional())?;
    row.map(Row::certificate).transpose()
}

/// Somebody's certificates, newest first, after `(issued_at, code)`.
pub fn certificates_of(tx: &mut Tx, person: PrincipalId, after: Option<(i64, String)>, limit: i64) -> Result<Vec<Certificate>, DbError> {
    let mut query = table::table
        .filter(table::resident_id.eq(person.text()))
        .order((table::issued_at.desc(), table::code))
        .limit(limit)
        .select(Row::as_select())
        .into_boxed();
    if let Some((at, code)) = after {
        query = query.filter(table::issued_at.lt(at).or(table::issued_at.eq(at).and(table::code.gt(code))));
    }
    let rows: Vec<Row> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Row::certificate).collect()
}

pub fn save_certificate(tx: &mut Tx, changed: Changed<Certificate>) -> Result<Certificate, DbError> {
    let (certificate, loaded, happened) = changed.into_parts();
    let (row, f) = (Row::of(&certificate), certificate.facts());
    match loaded {
        None => tx.insert(diesel::insert_into(table::table).values(row))?,
        Some(version) => {
            let same = table::table.filter(table::code.eq(&row.code)).filter(table::version.eq(version));
            tx.update_one(diesel::update(same).set((
                table::revoked_at.eq(row.revoked_at),
                table::revoked_by.eq(&row.revoked_by),
                table::revoked_because.eq(&row.revoked_because),
                table::version.eq(row.version),
            )))?;
        }
    }
    events::record(tx, f.community, &f.code.to_string(), f.version, &happened)?;
    Ok(certificate)
}
