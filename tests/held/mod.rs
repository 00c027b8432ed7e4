//! What the files of a folder hold, to look for texts that are not to be there.

use std::fs;
use std::path::Path;

use arrow::util::display::array_value_to_string;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// All that files hold, as text in small letters: Parquet's values as they are read, and every file's bytes.
pub fn texts(folder: &Path) -> String {
    let mut texts = String::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        // No text is in a socket.
        if path.is_dir() || path.is_file() {
            texts.push_str(&texts_of(&path));
        }
    }
    texts
}

fn texts_of(path: &Path) -> String {
    if path.is_dir() {
        return texts(path);
    }
    let mut text = String::from_utf8_lossy(&fs::read(path).expect("a file")).into_owned();
    if path.extension().is_some_and(|end| end == "parquet") {
        let file = fs::File::open(path).expect("a file");
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
        for batch in reader.expect("Parquet") {
            let batch = batch.expect("rows");
            for column in batch.columns() {
                for row in 0..batch.num_rows() {
                    text.push_str(&array_value_to_string(column, row).expect("a value"));
                    text.push('\n');
                }
            }
        }
    }
    text.to_lowercase()
}
