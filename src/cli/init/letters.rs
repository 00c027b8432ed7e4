//! In what encoding a text is that is no UTF-8: by what decodes without an error, and to letters that are in use.

use encoding_rs::Encoding;

/// So many bytes of a text are looked at.
const BYTES: usize = 256 << 10;

/// Bytes that stand for no letter in windows-1252.
const NO_LETTERS: [u8; 5] = [0x81, 0x8d, 0x8f, 0x90, 0x9d];

/// Encodings of two bytes a letter, each with the first bytes of the letters that are used most.
const WIDE: [(&str, std::ops::RangeInclusive<u8>); 5] = [
    ("shift_jis", 0x82..=0x97),
    ("euc-kr", 0xb0..=0xc8),
    ("euc-jp", 0xa4..=0xcf),
    ("gb18030", 0xb0..=0xd7),
    ("big5", 0xa4..=0xc6),
];

/// Encodings of one byte a letter for other scripts than Latin, each with the letters that are most frequent in it.
const SCRIPTS: [(&str, &str); 8] = [
    ("windows-1251", "оеаинтсрвлкм"),
    ("koi8-r", "оеаинтсрвлкм"),
    ("ibm866", "оеаинтсрвлкм"),
    ("iso-8859-5", "оеаинтсрвлкм"),
    ("windows-1253", "αοιετνσρκςυά"),
    ("windows-1255", "יוהלאתרמשבנד"),
    ("windows-1256", "اليمونرتبدعه"),
    ("windows-874", "านรอกเงยลวมั"),
];

/// In a text of a script so many hundredths of its letters are among the most frequent ones; by another encoding there are far fewer.
const FREQUENT: usize = 45;

/// In a text of two bytes a letter so many hundredths are usual ones, where it is no text of one byte a letter.
const USUAL: usize = 60;

/// The name of the encoding that is meant most likely.
pub fn encoding_of(bytes: &[u8]) -> &'static str {
    let bytes = &bytes[..bytes.len().min(BYTES)];
    // The last letter may be cut off.
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    let bytes = &bytes[..end];
    let wide = wide(bytes);
    match (wide, script(bytes)) {
        (Some((share, name)), script) => script.filter(|_| share < USUAL).unwrap_or(name),
        (None, script) => script.unwrap_or("windows-1252"),
    }
}

/// The encoding of two bytes a letter by which most letters are usual ones, with how many hundredths are.
fn wide(bytes: &[u8]) -> Option<(usize, &'static str)> {
    let score = |(name, usual): &(&'static str, std::ops::RangeInclusive<u8>)| {
        let encoding = Encoding::for_label(name.as_bytes())?;
        encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
        // A part of what is Japanese is in syllables.
        if *name == "euc-jp" && letters(bytes, &(0xa4..=0xa5)).1 == 0 {
            return None;
        }
        let (all, used) = letters(bytes, usual);
        Some((used * 100 / all.max(1), *name))
    };
    // The first of equals is meant.
    let all = WIDE.iter().rev().filter(|_| is_wide(bytes)).filter_map(score);
    all.max_by_key(|(share, _)| *share)
}

/// The encoding by which whole words are of another script than Latin, and its letters as frequent as they are in it.
fn script(bytes: &[u8]) -> Option<&'static str> {
    let words = bytes.split(u8::is_ascii).map(<[u8]>::len).filter(|length| *length > 0);
    let (all, long) = words.fold((0, 0), |(all, long), length| {
        (all + length, long + if length > 2 { length } else { 0 })
    });
    if long * 2 < all || all == 0 {
        return None;
    }
    let score = |(name, frequent): &(&'static str, &str)| {
        let encoding = Encoding::for_label(name.as_bytes())?;
        let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
        let letters = || text.chars().filter(|of| !of.is_ascii()).flat_map(char::to_lowercase);
        let usual = letters().filter(|of| frequent.contains(*of)).count();
        let share = usual * 100 / letters().count().max(1);
        (share >= FREQUENT).then_some((share, *name))
    };
    // The first of equals is meant.
    let all = SCRIPTS.iter().rev().filter_map(score);
    all.max_by_key(|(share, _)| *share).map(|(_, name)| name)
}

/// Whether letters seem to take two bytes: some are none of windows-1252, or there is no single one.
fn is_wide(bytes: &[u8]) -> bool {
    let runs = bytes.split(u8::is_ascii).map(<[u8]>::len).filter(|length| *length > 0);
    let (mut number, mut odd) = (0, 0);
    for length in runs {
        number += 1;
        odd += length % 2;
    }
    bytes.iter().any(|byte| NO_LETTERS.contains(byte)) || number > 1 && odd == 0
}

/// How many letters of two bytes there are, and how many of them are among the usual ones.
fn letters(bytes: &[u8], usual: &std::ops::RangeInclusive<u8>) -> (usize, usize) {
    let (mut all, mut used, mut at) = (0, 0, 0);
    while at < bytes.len() {
        if bytes[at].is_ascii() {
            at += 1;
            continue;
        }
        all += 1;
        used += usize::from(usual.contains(&bytes[at]));
        at += 2;
    }
    (all, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_by_the_letters_that_are_usual_in_them() {
        let japanese = "顧客番号,氏名,メール,購入日\n1,山田太郎,a@x.jp,東京都\n";
        let chinese = "客户编号,姓名,电话,城市\n1,王小明,北京市朝阳区,中国\n";
        let korean = "고객번호,이름,도시\n1,김철수,서울특별시,대한민국\n";
        let russian = "Код клиента;Имя;Эл. почта\n1;Морозов Ананий Афанасьевич;a@x.ru\n2;ИВАНОВА Анна;b@x.ru\n";
        let greek = "Κωδικός;Όνομα;Πόλη\n1;Γιώργος Παπαδόπουλος;Αθήνα\n2;Μαρία Νικολάου;Πάτρα\n";
        let hebrew = "מספר לקוח;שם;עיר\n1;יוסי כהן;תל אביב\n2;מרים לוי;ירושלים\n";
        let arabic = "رقم العميل;الاسم;المدينة\n1;محمد علي;الرياض\n2;عبد الله;جدة\n";
        let thai = "รหัสลูกค้า;ชื่อ;เมือง\n1;สมชาย ใจดี;กรุงเทพมหานคร\n2;สมหญิง;เชียงใหม่\n";
        let french = "Numéro;Prénom;Née à\n1;Zoé;Orléans\n2;Hélène;Créteil\n";
        let german = "Nr;Name;Straße\n1;Müller;Köln\n2;Größe;Öl\n";
        for (text, label) in [
            (japanese, "shift_jis"),
            (japanese, "euc-jp"),
            (korean, "euc-kr"),
            (chinese, "gb18030"),
            (german, "windows-1252"),
            (french, "windows-1252"),
            (russian, "windows-1251"),
            (russian, "koi8-r"),
            (russian, "ibm866"),
            (russian, "iso-8859-5"),
            (greek, "windows-1253"),
            (hebrew, "windows-1255"),
            (arabic, "windows-1256"),
            (thai, "windows-874"),
        ] {
            let encoding = Encoding::for_label(label.as_bytes()).expect("an encoding");
            assert_eq!(encoding_of(&encoding.encode(text).0), label, "{text}");
        }
    }
}
