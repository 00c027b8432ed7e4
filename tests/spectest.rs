#[test]
fn the_sample_definition_is_well() {
    let plan = selfsame::spec::load(std::path::Path::new("dataflows/retail/retail.yaml"));
    match plan {
        Ok(plan) => println!("{}", selfsame::spec::explain(&plan)),
        Err(e) => panic!("{e}"),
    }
}
