//! Definition files: whatever the text is, it is a plan or a list of mistakes, each within the file.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use selfsame::internals::definition;

fuzz_target!(|text: &str| {
    let environment = |name: &str| (!name.is_empty()).then(|| name.to_lowercase());
    match definition::parse(text, Path::new("fuzz.yaml"), &environment) {
        Ok(plan) => assert!(definition::explain(&plan).contains("all is well")),
        Err(wrong) => {
            // To YAML a carriage return alone ends a line.
            let lines = text.lines().flat_map(|line| line.split('\r')).count().max(1);
            assert!(!wrong.found().is_empty());
            // What ends too soon is told behind the last line.
            assert!(wrong.found().iter().all(|mistake| mistake.place.line <= lines + 1));
            assert!(!wrong.to_string().is_empty());
        }
    }
});
