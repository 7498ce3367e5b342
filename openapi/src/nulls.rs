//! An answer leaves out what is not there; only bodies that are read may say `null`. The derived schemas do not know which
//! of the two a type is for, but bodies are closed (`additionalProperties: false`) and answers are not.

use serde_json::{Value, json};

/// Takes `null` out of the members of every open object.
pub(crate) fn out_of_answers(schemas: &mut Value) {
    for schema in schemas.as_object_mut().into_iter().flatten().map(|(_, schema)| schema) {
        if schema["additionalProperties"] == Value::Bool(false) {
            continue;
        }
        for (_, member) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            take_out(member);
        }
    }
}

/// Takes `null` out of a schema: a query says nothing by leaving a name out.
pub(crate) fn take_out(schema: &mut Value) {
    if let Some(types) = schema.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    let Some(choices) = schema.get_mut("oneOf").and_then(Value::as_array_mut) else { return };
    choices.retain(|choice| *choice != json!({ "type": "null" }));
    if let [only] = choices.as_slice() {
        let only = only.as_object().cloned().unwrap_or_default();
        if let Some(members) = schema.as_object_mut() {
            members.remove("oneOf");
            members.extend(only);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_objects_lose_their_nulls() {
        let members = json!({
            "a": { "type": ["string", "null"], "description": "A." },
            "b": { "oneOf": [{ "type": "null" }, { "$ref": "#/x", "description": "B." }] },
            "c": { "type": "integer" },
        });
        let mut schemas = json!({
            "Answer": { "properties": members },
            "Body": { "properties": members, "additionalProperties": false },
        });
        out_of_answers(&mut schemas);
        assert_eq!(schemas["Body"]["properties"], members);
        assert_eq!(
            schemas["Answer"]["properties"],
            json!({
                "a": { "type": "string", "description": "A." },
                "b": { "$ref": "#/x", "description": "B." },
                "c": { "type": "integer" },
            })
        );
    }
}
