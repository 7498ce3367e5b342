//! Attribute values as streams write them, as plain JSON.

use serde_json::{Map, Number, Value};

/// The plain form of an item; `None` where it is none.
pub(crate) fn plain(image: &Value) -> Option<Value> {
    let members = image.as_object()?.iter();
    let members = members.map(|(name, attribute)| Some((name.clone(), value(attribute)?)));
    members.collect::<Option<Map<_, _>>>().map(Value::Object)
}

fn value(attribute: &Value) -> Option<Value> {
    let (kind, inner) = attribute.as_object()?.iter().next()?;
    match kind.as_str() {
        "S" => Some(Value::String(inner.as_str()?.to_owned())),
        "N" => inner.as_str()?.parse::<Number>().ok().map(Value::Number),
        "BOOL" => Some(Value::Bool(inner.as_bool()?)),
        "NULL" => Some(Value::Null),
        "M" => plain(inner),
        "L" => inner.as_array()?.iter().map(value).collect::<Option<Vec<_>>>().map(Value::Array),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_a_record_becomes_plain() {
        let image = json!({
            "a": { "S": "x" }, "b": { "N": "7" }, "c": { "BOOL": true }, "d": { "NULL": true },
            "e": { "M": { "f": { "L": [{ "N": "1.5" }, { "S": "" }] } } },
        });
        let expected = json!({ "a": "x", "b": 7, "c": true, "d": null, "e": { "f": [1.5, ""] } });
        assert_eq!(plain(&image), Some(expected));
        for bad in
            [json!(null), json!({ "a": { "B": "eA==" } }), json!({ "a": "x" }), json!({ "a": { "N": "x" } })]
        {
            assert_eq!(plain(&bad), None, "{bad}");
        }
    }
}
