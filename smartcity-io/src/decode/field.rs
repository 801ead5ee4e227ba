//! One field of a message, as lenient as the feeds are careless: numbers may be texts and texts numbers.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use smartcity_dataflow::model::{Heading, Instant, Kmh, Milli, Point, Reason};

use super::{direction, timestamp};

/// What is wrong with a message.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) reason: Reason,
    pub(super) detail: String,
}

impl Fault {
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    pub(super) fn missing(field: &str, expected: &str) -> Self {
        Self::new(Reason::MissingField, format!("{field} is missing: expected {expected}"))
    }

    pub(super) fn wrong(reason: Reason, field: &str, value: impl fmt::Display, expected: &str) -> Self {
        Self::new(reason, format!("{field} is {value}: expected {expected}"))
    }
}

const KMH: &str = "a number of km/h";

/// What a field states of something that a reading can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stated<T> {
    pub(super) value: Option<T>,
    /// It states something that cannot be, so there is no value.
    pub(super) is_unusable: bool,
}

impl<T> Stated<T> {
    fn of(number: Option<f64>, value: impl FnOnce(f64) -> Option<T>) -> Self {
        let stated = number.is_some();
        let value = number.and_then(value);
        Self { is_unusable: stated && value.is_none(), value }
    }
}

/// A field's value. Absent and null are the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Field<'a> {
    #[default]
    Missing,
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(Cow<'a, str>),
    /// The first two elements of a list, if it has so many, and they are simple.
    Pair(Scalar, Scalar),
    List,
    Object,
}

/// An element of a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Number(f64),
    Other,
}

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{:?}", beginning(text.as_bytes(), 60)),
            Self::Pair(Scalar::Number(a), Scalar::Number(b)) => write!(f, "[{a}, {b}]"),
            Self::Pair(..) | Self::List => f.write_str("a list"),
            Self::Object => f.write_str("an object"),
        }
    }
}

/// The first `length` characters of what should be text, fit to be printed on one line.
pub(crate) fn beginning(bytes: &[u8], length: usize) -> String {
    let enough = &bytes[..bytes.len().min(4 * length)];
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    String::from_utf8_lossy(enough).chars().take(length).map(printable).collect()
}

impl<'a> Field<'a> {
    /// The text of the field; a number or a flag reads as it is written. A blank text is a missing one.
    pub(super) fn text(&self, field: &str) -> Result<Option<Cow<'_, str>>, Fault> {
        Ok(Some(match self {
            Self::Missing => return Ok(None),
            Self::Text(text) => match text.trim() {
                "" => return Ok(None),
                trimmed => Cow::Borrowed(trimmed),
            },
            Self::Flag(flag) => flag.to_string().into(),
            Self::Whole(number) => number.to_string().into(),
            Self::Number(number) => number.to_string().into(),
            Self::Pair(..) | Self::List | Self::Object => {
                return Err(Fault::wrong(Reason::WrongType, field, self, "a text"));
            }
        }))
    }

    /// The finite number of the field, also where it is written as a text.
    pub(super) fn number(&self, field: &str, expected: &str) -> Result<Option<f64>, Fault> {
        let number = self.any_number(field, expected)?;
        if number.is_none_or(f64::is_finite) {
            Ok(number)
        } else {
            Err(Fault::wrong(Reason::BadNumber, field, self, "a finite number"))
        }
    }

    /// The number of the field; as a text it may be one that is not finite.
    fn any_number(&self, field: &str, expected: &str) -> Result<Option<f64>, Fault> {
        Ok(Some(match self {
            Self::Missing => return Ok(None),
            Self::Whole(number) => *number as f64,
            Self::Number(number) => *number,
            Self::Text(text) if text.trim().is_empty() => return Ok(None),
            Self::Text(text) => {
                text.trim().parse().map_err(|_| Fault::wrong(Reason::WrongType, field, self, expected))?
            }
            _ => return Err(Fault::wrong(Reason::WrongType, field, self, expected)),
        }))
    }

    /// A vehicle's speed, plausible or not. A number that is none, or far too large, is no speed.
    pub(super) fn speed(&self, field: &str) -> Result<Stated<Kmh>, Fault> {
        Ok(Stated::of(self.any_number(field, KMH)?, Kmh::from_f64))
    }

    pub(super) fn kmh(&self, field: &str) -> Result<Option<Kmh>, Fault> {
        let fits = |number| Kmh::from_f64(number).ok_or_else(|| Fault::wrong(Reason::BadNumber, field, self, KMH));
        self.number(field, KMH)?.map(fits).transpose()
    }

    pub(super) fn milli(&self, field: &str, expected: &str) -> Result<Option<Milli>, Fault> {
        let fits =
            |number| Milli::from_f64(number).ok_or_else(|| Fault::wrong(Reason::BadNumber, field, self, expected));
        self.number(field, expected)?.map(fits).transpose()
    }

    pub(super) fn year(&self, field: &str) -> Result<Option<u16>, Fault> {
        const EXPECTED: &str = "a year from 0 to 9999";
        let fits = |number: f64| {
            let plausible = (0.0..10_000.0).contains(&number);
            plausible.then_some(number as u16).ok_or_else(|| Fault::wrong(Reason::BadNumber, field, self, EXPECTED))
        };
        self.number(field, EXPECTED)?.map(fits).transpose()
    }

    /// A compass word or a number of degrees; a word that means no direction is no direction.
    pub(super) fn heading(&self, field: &str) -> Result<Stated<Heading>, Fault> {
        match self {
            Self::Text(text) if text.trim().parse::<f64>().is_err() => {
                let (text, value) = (text.trim(), direction::from_word(text.trim()));
                Ok(Stated { value, is_unusable: value.is_none() && !text.is_empty() })
            }
            _ => Ok(Stated::of(self.any_number(field, "a compass word or degrees")?, direction::from_degrees)),
        }
    }

    /// A place as `[latitude, longitude]`; further elements (an altitude) are ignored.
    pub(super) fn place(&self, field: &str) -> Result<Option<Point>, Fault> {
        const EXPECTED: &str = "[latitude, longitude] in degrees";
        match *self {
            Self::Missing => Ok(None),
            Self::Pair(Scalar::Number(lat), Scalar::Number(lon)) if lat.is_finite() && lon.is_finite() => {
                let point = Point::from_degrees(lat, lon);
                Ok(Some(point.ok_or_else(|| Fault::wrong(Reason::OffEarth, field, self, EXPECTED))?))
            }
            Self::Pair(Scalar::Number(_), Scalar::Number(_)) => {
                Err(Fault::wrong(Reason::BadNumber, field, self, EXPECTED))
            }
            _ => Err(Fault::wrong(Reason::WrongType, field, self, EXPECTED)),
        }
    }

    pub(super) fn instant(&self, field: &str) -> Result<Option<Instant>, Fault> {
        let instant = match self {
            Self::Missing => return Ok(None),
            Self::Text(text) => timestamp::from_text(text.trim()),
            Self::Whole(number) => timestamp::from_number(*number as f64),
            Self::Number(number) => timestamp::from_number(*number),
            _ => return Err(Fault::wrong(Reason::WrongType, field, self, timestamp::EXPECTED)),
        };
        let instant = instant.ok_or_else(|| Fault::wrong(Reason::BadTimestamp, field, self, timestamp::EXPECTED))?;
        Ok(Some(instant))
    }

    pub(super) fn flag(&self, field: &str) -> Result<bool, Fault> {
        match self {
            Self::Missing => Ok(false),
            Self::Flag(flag) => Ok(*flag),
            _ => Err(Fault::wrong(Reason::WrongType, field, self, "true or false")),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyField)
    }
}

struct AnyField;

impl<'de> Visitor<'de> for AnyField {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Field::Missing)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Field::Flag(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Field::Whole(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        // As a text a number above i64::MAX keeps all its digits, which matters where it is an id.
        Ok(i64::try_from(number).map_or_else(|_| Field::Text(number.to_string().into()), Field::Whole))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Field::Number(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let pair = (list.next_element::<Scalar>()?, list.next_element::<Scalar>()?);
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(match pair {
            (Some(first), Some(second)) => Field::Pair(first, second),
            _ => Field::List,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Object)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Field::deserialize(deserializer)? {
            Field::Whole(number) => Self::Number(number as f64),
            Field::Number(number) => Self::Number(number),
            Field::Text(text) => text.trim().parse().map_or(Self::Other, Self::Number),
            _ => Self::Other,
        })
    }
}
