//! What all plugins that are written in Rust do, so that only the way to them differs.

/// What the four digits come after.
pub const FIELD: &[u8] = br#""count":""#;

/// The document that was given has no field `"count"` of four digits below 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCount;

/// Makes the number in the field `"count"` of a JSON document one more, in place.
pub fn count_up(document: &mut [u8]) -> Result<(), NoCount> {
    let field = document.windows(FIELD.len()).position(|window| window == FIELD).ok_or(NoCount)?;
    let digits = document.get_mut(field + FIELD.len()..).ok_or(NoCount)?;
    for digit in digits.get_mut(..4).ok_or(NoCount)?.iter_mut().rev() {
        match *digit {
            b'0'..=b'8' => {
                *digit += 1;
                return Ok(());
            }
            b'9' => *digit = b'0',
            _ => return Err(NoCount),
        }
    }
    Err(NoCount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_one_more() {
        for (before, after) in [("0041", "0042"), ("0999", "1000")] {
            let mut document = format!(r#"{{"a":1,"count":"{before}"}}"#).into_bytes();
            count_up(&mut document).expect("there is a number");
            assert_eq!(document, format!(r#"{{"a":1,"count":"{after}"}}"#).into_bytes());
        }
    }

    #[test]
    fn a_document_without_the_number_is_refused() {
        for document in ["{}", r#"{"count":"41"}"#, r#"{"count":"#, r#"{"count":"9999"}"#] {
            assert_eq!(count_up(&mut document.as_bytes().to_vec()), Err(NoCount));
        }
    }
}
