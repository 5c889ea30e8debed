//! JSON Schema of the report, made from its types by a test and kept beside this file.

use serde_json::{Value, json};

use crate::finding::Code;

/// All but the codes, which grow with every layer.
const REPORT: &str = include_str!("report.json");

/// The schema of `--output json`.
#[must_use]
pub fn report() -> Value {
    let mut schema: Value = serde_json::from_str(REPORT).unwrap_or_default();
    let code = |code: &Code| json!({ "const": code.name(), "description": code.meaning().title });
    let codes: Vec<Value> = Code::ALL.iter().map(code).collect();
    schema["$defs"]["Code"] = json!({
        "description": "A stable, kebab-case name for a kind of fact: `podprobe explain CODE`.",
        "oneOf": codes,
    });
    schema
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::report::Report;

    /// After a change of the report's types: `BLESS=1 cargo test --lib schema`.
    #[test]
    fn the_schema_is_made_from_the_reports_types() {
        let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
        let made = settings.into_generator().into_root_schema_for::<Report>();
        let mut made = made.to_value();
        made["title"] = "podprobe report".into();
        made["$defs"]["Code"] = true.into();
        let text = serde_json::to_string_pretty(&made).expect("JSON") + "\n";
        if std::env::var_os("BLESS").is_some() {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("probe/schema/report.json");
            std::fs::write(file, &text).expect("write the schema");
        } else {
            assert_eq!(REPORT, text, "BLESS=1 cargo test --lib schema");
        }
    }
}
