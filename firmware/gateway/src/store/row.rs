//! A record as a row, and back.

use causeway_api::lookup::ContextRecord;
use causeway_call::record::{CallDirection, CallRecord, LegPackets};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, named_params};

/// Puts a call's row, in place of an earlier one.
pub(super) fn put_call(connection: &Connection, call: &CallRecord) -> rusqlite::Result<()> {
    let stats = call.browser_stats.as_ref().map(ToString::to_string);
    let quality = call.quality.as_ref();
    let quality = quality.and_then(|quality| serde_json::to_string(quality).ok());
    let picture = call.picture.as_ref();
    let picture = picture.and_then(|picture| serde_json::to_string(picture).ok());
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO calls VALUES (
            :id, :direction, :app, :account, :page, :origin, :from_number, :to_number, :trunk, :sip_call_id,
            :placed_at, :ringing_at, :answered_at, :ended_at, :web_codec, :trunk_codec,
            :cause_code, :cause_by, :sip_status, :reason,
            :web_in, :web_out, :web_lost, :web_jitter, :trunk_in, :trunk_out, :trunk_lost, :trunk_jitter,
            :setup_ms, :browser_stats, :trunk_srtp, :quality, :picture)",
    )?;
    statement.execute(named_params! {
        ":id": call.id,
        ":direction": call.direction.as_str(),
        ":app": call.app,
        ":account": call.account,
        ":page": call.page,
        ":origin": call.origin,
        ":from_number": call.from_number,
        ":to_number": call.to_number,
        ":trunk": call.trunk,
        ":sip_call_id": call.sip_call_id,
        ":placed_at": call.placed_at,
        ":ringing_at": call.ringing_at,
        ":answered_at": call.answered_at,
        ":ended_at": call.ended_at,
        ":web_codec": call.web_codec,
        ":trunk_codec": call.trunk_codec,
        ":cause_code": call.cause_code,
        ":cause_by": call.cause_by,
        ":sip_status": call.sip_status,
        ":reason": call.reason,
        ":web_in": signed(call.web.packets_in),
        ":web_out": signed(call.web.packets_out),
        ":web_lost": signed(call.web.lost),
        ":web_jitter": finite(call.web.jitter_ms),
        ":trunk_in": signed(call.trunk_leg.packets_in),
        ":trunk_out": signed(call.trunk_leg.packets_out),
        ":trunk_lost": signed(call.trunk_leg.lost),
        ":trunk_jitter": finite(call.trunk_leg.jitter_ms),
        ":setup_ms": call.setup_ms,
        ":browser_stats": stats,
        ":trunk_srtp": call.trunk_srtp,
        ":quality": quality,
        ":picture": picture,
    })?;
    Ok(())
}

/// Reads a row of `SELECT * FROM calls`.
pub(super) fn call(row: &Row<'_>) -> rusqlite::Result<CallRecord> {
    let direction: String = row.get("direction")?;
    let direction = CallDirection::parse(&direction).ok_or_else(|| {
        let fault = format!("`{direction}` is no direction").into();
        rusqlite::Error::FromSqlConversionFailure(1, Type::Text, fault)
    })?;
    let stats: Option<String> = row.get("browser_stats")?;
    let quality: Option<String> = row.get("quality")?;
    let picture: Option<String> = row.get("picture")?;
    Ok(CallRecord {
        id: row.get("id")?,
        direction,
        app: row.get("app")?,
        account: row.get("account")?,
        page: row.get("page")?,
        origin: row.get("origin")?,
        from_number: row.get("from_number")?,
        to_number: row.get("to_number")?,
        trunk: row.get("trunk")?,
        sip_call_id: row.get("sip_call_id")?,
        placed_at: row.get("placed_at")?,
        ringing_at: row.get("ringing_at")?,
        answered_at: row.get("answered_at")?,
        ended_at: row.get("ended_at")?,
        web_codec: row.get("web_codec")?,
        trunk_codec: row.get("trunk_codec")?,
        trunk_srtp: row.get("trunk_srtp")?,
        cause_code: row.get("cause_code")?,
        cause_by: row.get("cause_by")?,
        sip_status: row.get("sip_status")?,
        reason: row.get("reason")?,
        web: LegPackets {
            packets_in: unsigned(row.get("web_packets_in")?),
            packets_out: unsigned(row.get("web_packets_out")?),
            lost: unsigned(row.get("web_lost")?),
            jitter_ms: row.get("web_jitter_ms")?,
        },
        trunk_leg: LegPackets {
            packets_in: unsigned(row.get("trunk_packets_in")?),
            packets_out: unsigned(row.get("trunk_packets_out")?),
            lost: unsigned(row.get("trunk_lost")?),
            jitter_ms: row.get("trunk_jitter_ms")?,
        },
        quality: quality.and_then(|text| serde_json::from_str(&text).ok()),
        picture: picture.and_then(|text| serde_json::from_str(&text).ok()),
        setup_ms: row.get("setup_ms")?,
        browser_stats: stats.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// Puts a context's row.
pub(super) fn put_context(connection: &Connection, record: &ContextRecord) -> rusqlite::Result<()> {
    let context = serde_json::to_string(&record.context)
        .map_err(|fault| rusqlite::Error::ToSqlConversionFailure(fault.into()))?;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO contexts VALUES (:token, :call, :app, :created_at, :expires_at, :context)",
    )?;
    statement.execute(named_params! {
        ":token": record.token,
        ":call": record.call,
        ":app": record.app,
        ":created_at": record.created_at,
        ":expires_at": record.expires_at,
        ":context": context,
    })?;
    Ok(())
}

/// Reads a row of `SELECT * FROM contexts`.
pub(super) fn context(row: &Row<'_>) -> rusqlite::Result<ContextRecord> {
    let text: String = row.get("context")?;
    Ok(ContextRecord {
        token: row.get("token")?,
        call: row.get("call")?,
        app: row.get("app")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        context: serde_json::from_str(&text).map_err(|fault| {
            rusqlite::Error::FromSqlConversionFailure(5, Type::Text, fault.into())
        })?,
    })
}

/// SQLite's integers are signed; a counter beyond stays at the most.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// SQLite stores a NaN as NULL, which the column refuses.
fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}
