//! Comma-separated tables with named columns, in any order; every bad line is reported, not only the first.

use smartcity_dataflow::model::Point;

use super::problem::{CityFile, Problem};

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub name: &'static str,
    pub is_required: bool,
}

/// A column that every line must fill.
pub(super) const fn required(name: &'static str) -> Column {
    Column { name, is_required: true }
}

/// A column that may be blank or absent.
pub(super) const fn optional(name: &'static str) -> Column {
    Column { name, is_required: false }
}

/// A line of a table.
#[derive(Debug)]
pub(super) struct Row<'a> {
    file: CityFile,
    columns: &'a [Column],
    cells: Vec<String>,
    /// Its line in the file, counted from 1.
    pub line: u64,
}

impl Row<'_> {
    /// The text in a column, `None` where it is blank.
    pub(super) fn text(&self, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|known| known.name == column)?;
        Some(self.cells[index].as_str()).filter(|cell| !cell.is_empty())
    }

    /// The text in a required column.
    pub(super) fn needed(&self, column: &str) -> String {
        self.text(column).unwrap_or_default().to_owned()
    }

    /// The place in the columns `lat` and `lon`, `None` where both are blank.
    pub(super) fn place(&self) -> Result<Option<Point>, Problem> {
        let (lat, lon) = match (self.text("lat"), self.text("lon")) {
            (None, None) => return Ok(None),
            (Some(lat), Some(lon)) => (lat, lon),
            _ => return Err(self.problem("only one of lat and lon is given; give both or none".to_owned())),
        };
        let degrees = |name: &str, cell: &str| {
            cell.parse::<f64>().map_err(|_| self.problem(format!("{name} is {cell:?}; give degrees such as 37.77")))
        };
        let (lat, lon) = (degrees("lat", lat)?, degrees("lon", lon)?);
        let point = Point::from_degrees(lat, lon).ok_or_else(|| {
            self.problem(format!("lat {lat}, lon {lon} is not on earth; give -90 to 90 and -180 to 180 degrees"))
        })?;
        Ok(Some(point))
    }

    fn problem(&self, message: String) -> Problem {
        Problem::of_entry(self.file, self.line, self.text(self.columns[0].name), message)
    }
}

/// The lines of a table that have what `columns` require; what is wrong with the others goes to `problems`.
pub(super) fn read<'a>(file: CityFile, text: &str, columns: &'a [Column], problems: &mut Vec<Problem>) -> Vec<Row<'a>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            problems.push(Problem::of_file(file, format!("cannot be read: {error}")));
            return Vec::new();
        }
    };
    let found = problems.len();
    let places = find_columns(file, &header, columns, problems);
    if problems.len() > found {
        return Vec::new();
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                problems.push(Problem::of_file(file, format!("cannot be read: {error}")));
                break;
            }
        };
        let cells = places.iter().map(|place| place.and_then(|place| record.get(place)).unwrap_or_default().to_owned());
        let line = record.position().map_or(0, |position| line_of(text, position));
        let row = Row { file, columns, cells: cells.collect(), line };
        if record.len() != header.len() {
            let message = format!("has {} cells, the header has {}; make them agree", record.len(), header.len());
            problems.push(row.problem(message));
            continue;
        }
        let blank = columns.iter().filter(|column| column.is_required && row.text(column.name).is_none());
        let blank: Vec<_> = blank.map(|column| row.problem(format!("{} is blank; fill it in", column.name))).collect();
        if blank.is_empty() {
            rows.push(row);
        }
        problems.extend(blank);
    }
    rows
}

/// The line on which a record begins: its position is that of the blank lines before it.
fn line_of(text: &str, position: &csv::Position) -> u64 {
    let before = text.as_bytes().iter().skip(position.byte() as usize).take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + before.filter(|&&byte| byte == b'\n').count() as u64
}

/// Where in the header each column is.
fn find_columns(
    file: CityFile,
    header: &csv::StringRecord,
    columns: &[Column],
    problems: &mut Vec<Problem>,
) -> Vec<Option<usize>> {
    let known = columns.iter().map(|column| column.name).collect::<Vec<_>>().join(",");
    let mut report = |message| problems.push(Problem::of_entry(file, 1, None, message));
    for (index, name) in header.iter().enumerate() {
        if !columns.iter().any(|column| column.name == name) {
            report(format!("column {name:?} is unknown; the columns are {known}, separated by commas"));
        } else if header.iter().take(index).any(|earlier| earlier == name) {
            report(format!("column {name:?} is there twice; remove one"));
        }
    }
    for column in columns.iter().filter(|column| column.is_required && !header.iter().any(|name| name == column.name)) {
        report(format!("column {:?} is missing; the columns are {known}, separated by commas", column.name));
    }
    columns.iter().map(|column| header.iter().position(|name| name == column.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [required("station"), optional("lat"), optional("lon")];

    fn problems_of(text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let rows = read(CityFile::Stations, text, &COLUMNS, &mut problems);
        problems.extend(rows.iter().filter_map(|row| row.place().err()));
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let mut problems = Vec::new();
        let rows = read(CityFile::Stations, "lon,station,lat\n 8.5 ,\"a,b\", 47\n,c,\n", &COLUMNS, &mut problems);
        assert_eq!(problems, []);
        assert_eq!(rows.iter().map(|row| row.needed("station")).collect::<Vec<_>>(), ["a,b", "c"]);
        assert_eq!(rows[0].place().unwrap(), Point::from_degrees(47.0, 8.5));
        assert_eq!(rows[1].place().unwrap(), None);
        assert_eq!((rows[0].line, rows[1].line), (2, 3));
    }

    #[test]
    fn every_bad_line_is_reported_with_its_number() {
        let text = "station,lat,lon\na,91,0\n\nb,1\n,1,2\nc,x,0\nd,1,\n";
        let problems = problems_of(text);
        let places: Vec<_> = problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
        assert_eq!(
            places,
            [
                "stations.csv, line 4 (b)",
                "stations.csv, line 5",
                "stations.csv, line 2 (a)",
                "stations.csv, line 6 (c)",
                "stations.csv, line 7 (d)"
            ],
            "{problems:#?}"
        );
    }

    #[test]
    fn a_header_of_another_table_is_refused() {
        assert_eq!(
            problems_of("station;lat;lon\na;1;2\n"),
            [
                "stations.csv, line 1: column \"station;lat;lon\" is unknown; the columns are station,lat,lon, separated by commas",
                "stations.csv, line 1: column \"station\" is missing; the columns are station,lat,lon, separated by commas"
            ]
        );
        assert_eq!(problems_of("station,lat,lat\n").len(), 1);
        assert_eq!(problems_of("").len(), 1);
    }
}
