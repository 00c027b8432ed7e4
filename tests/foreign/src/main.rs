//! What others make of what selfsame publishes: a JSON Schema validator and a YAML reader that share
//! nothing with it.
//!
//! `selfsame-foreign SCHEMA FILE…` writes a line of JSON a file: `value`, as which its YAML is read, or
//! why it is `unreadable`; and why the schema has it `refused`, if it does. Before, one for each example
//! in the schema, whose `file` is the schema's with where it stands. It fails if the schema is none by
//! its own metaschema.

use std::error::Error;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

/// Any name: nothing is loaded by it.
const NAME: &str = "file:///schema.json";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which schema?")?;
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let mut judge = Judge { schemas: Schemas::new(), compiler: Compiler::new() };
    judge.compiler.add_resource(NAME, schema.clone())?;
    judge.refused("", &json!({}))?;
    judge.examples(&schema, "")?;
    for file in arguments {
        let text = std::fs::read(&file)?;
        let said = match serde_yaml_ng::from_slice::<Value>(&text) {
            Ok(value) => {
                let refused = judge.refused("", &value)?;
                json!({"file": file, "value": value, "refused": refused})
            }
            Err(why) => json!({"file": file, "unreadable": why.to_string()}),
        };
        println!("{said}");
    }
    Ok(())
}

struct Judge {
    schemas: Schemas,
    compiler: Compiler,
}

impl Judge {
    /// Why the part of the schema at a pointer refuses a value, if it does.
    fn refused(&mut self, pointer: &str, value: &Value) -> Result<Option<String>, Box<dyn Error>> {
        let part = self.compiler.compile(&format!("{NAME}#{pointer}"), &mut self.schemas)?;
        Ok(self.schemas.validate(value, part).err().map(|why| why.to_string()))
    }

    /// Judges every example in a part of the schema by that part.
    fn examples(&mut self, part: &Value, pointer: &str) -> Result<(), Box<dyn Error>> {
        let children: Vec<(String, &Value)> = match part {
            Value::Object(entries) => {
                entries.iter().map(|(key, value)| (key.clone(), value)).collect()
            }
            Value::Array(items) => {
                items.iter().enumerate().map(|(place, value)| (place.to_string(), value)).collect()
            }
            _ => return Ok(()),
        };
        for (key, child) in children {
            if let (true, Value::Array(examples)) = (key == "examples", child) {
                for example in examples {
                    let refused = self.refused(pointer, example)?;
                    println!(
                        "{}",
                        json!({"file": format!("schema#{pointer}"), "value": example, "refused": refused})
                    );
                }
                continue;
            }
            let key = key.replace('~', "~0").replace('/', "~1").replace('%', "%25");
            self.examples(child, &format!("{pointer}/{key}"))?;
        }
        Ok(())
    }
}
