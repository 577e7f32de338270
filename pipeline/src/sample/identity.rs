//! What a person is called, and what each source wrote of it. Rates of errors are those of studies, where there are any: see the sample's README.

use rand::RngExt;

use super::shop::{Random, stream};
use crate::time::Day;

/// What one source wrote of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// First name.
    pub first: String,
    /// Last name.
    pub last: String,
    /// Date of birth.
    pub birth: Option<Day>,
    /// Postcode.
    pub postcode: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Street and house number.
    pub address: Option<String>,
}

/// What is true of a person.
#[derive(Debug, Clone)]
struct Truth {
    is_woman: bool,
    first: String,
    last: String,
    /// What a woman may be called by other sources.
    other_last: String,
    birth: Day,
    postcode: u32,
    /// The landline of the household, where there is one.
    landline: Option<u32>,
}

const WOMEN: [&str; 40] = [
    "Mary",
    "Patricia",
    "Linda",
    "Barbara",
    "Elizabeth",
    "Jennifer",
    "Maria",
    "Susan",
    "Margaret",
    "Dorothy",
    "Lisa",
    "Nancy",
    "Karen",
    "Betty",
    "Helen",
    "Sandra",
    "Donna",
    "Carol",
    "Ruth",
    "Sharon",
    "Michelle",
    "Laura",
    "Sarah",
    "Kimberly",
    "Deborah",
    "Jessica",
    "Shirley",
    "Cynthia",
    "Angela",
    "Melissa",
    "Brenda",
    "Amy",
    "Anna",
    "Rebecca",
    "Virginia",
    "Kathleen",
    "Pamela",
    "Martha",
    "Debra",
    "Amanda",
];
const MEN: [&str; 40] = [
    "James",
    "John",
    "Robert",
    "Michael",
    "William",
    "David",
    "Richard",
    "Charles",
    "Joseph",
    "Thomas",
    "Christopher",
    "Daniel",
    "Paul",
    "Mark",
    "Donald",
    "George",
    "Kenneth",
    "Steven",
    "Edward",
    "Brian",
    "Ronald",
    "Anthony",
    "Kevin",
    "Jason",
    "Matthew",
    "Gary",
    "Timothy",
    "Jose",
    "Larry",
    "Jeffrey",
    "Frank",
    "Scott",
    "Eric",
    "Stephen",
    "Andrew",
    "Raymond",
    "Gregory",
    "Joshua",
    "Jerry",
    "Dennis",
];
const NICKNAMES: [(&str, &str); 24] = [
    ("Patricia", "Pat"),
    ("Barbara", "Barb"),
    ("Elizabeth", "Liz"),
    ("Jennifer", "Jen"),
    ("Susan", "Sue"),
    ("Margaret", "Peggy"),
    ("Deborah", "Debbie"),
    ("Kathleen", "Kathy"),
    ("Rebecca", "Becky"),
    ("Pamela", "Pam"),
    ("James", "Jim"),
    ("John", "Jack"),
    ("Robert", "Bob"),
    ("Michael", "Mike"),
    ("William", "Bill"),
    ("David", "Dave"),
    ("Richard", "Dick"),
    ("Charles", "Chuck"),
    ("Joseph", "Joe"),
    ("Thomas", "Tom"),
    ("Christopher", "Chris"),
    ("Daniel", "Dan"),
    ("Edward", "Ted"),
    ("Matthew", "Matt"),
];
const FAMILIES: [&str; 40] = [
    "Smith",
    "Johnson",
    "Williams",
    "Jones",
    "Brown",
    "Davis",
    "Miller",
    "Wilson",
    "Moore",
    "Taylor",
    "Anderson",
    "Thomas",
    "Jackson",
    "White",
    "Harris",
    "Martin",
    "Thompson",
    "Garcia",
    "Martinez",
    "Robinson",
    "Clark",
    "Rodriguez",
    "Lewis",
    "Lee",
    "Walker",
    "Hall",
    "Allen",
    "Young",
    "Hernandez",
    "King",
    "Wright",
    "Lopez",
    "Hill",
    "Scott",
    "Green",
    "Adams",
    "Baker",
    "Gonzalez",
    "Nelson",
    "Carter",
];
/// Rare names are put together.
const HEADS: [&str; 24] = [
    "Al", "Bar", "Ben", "Brad", "Cal", "Dal", "Der", "El", "Fair", "Gar", "Har", "Kel", "Lan", "Mar", "Nor", "Os", "Pem", "Rad", "Sher", "Stan", "Tor", "Wal",
    "Whit", "Wood",
];
const MIDDLES: [&str; 12] = ["", "ber", "den", "ing", "land", "ley", "man", "ring", "sel", "ter", "ver", "win"];
const TAILS: [&str; 24] = [
    "berg", "brook", "burn", "by", "dale", "don", "field", "ford", "ham", "hurst", "ington", "ley", "man", "mond", "more", "ner", "rick", "sen", "ski", "son",
    "stein", "ton", "well", "worth",
];
/// Names of women and men that are put together.
const WOMEN_TAILS: [&str; 8] = ["a", "elle", "ette", "ia", "ina", "isha", "lyn", "ora"];
const MEN_TAILS: [&str; 8] = ["ard", "ell", "en", "ian", "ick", "in", "on", "us"];
const AREAS: [u32; 10] = [201, 212, 347, 516, 646, 718, 914, 917, 929, 973];
const NUMBERS: u64 = 80_000_000;
const POSTCODES: u32 = 120;

/// One of `names`, the first far more often than the last.
fn common(random: &mut Random, names: &[&str]) -> String {
    let draw: f64 = random.random_range(0.0..1.0);
    names[((names.len() as f64 + 1.0).powf(draw) - 1.0) as usize].to_owned()
}

fn one_of<'a>(random: &mut Random, names: &[&'a str]) -> &'a str {
    names[random.random_range(0..names.len())]
}

/// The 40 most common names of the census of 1990 are those of 37 % of women and 52 % of men, of families 12 %.
fn first_name(random: &mut Random, is_woman: bool) -> String {
    if random.random_bool(if is_woman { 0.37 } else { 0.52 }) {
        return common(random, if is_woman { &WOMEN } else { &MEN });
    }
    let tails = if is_woman { &WOMEN_TAILS } else { &MEN_TAILS };
    format!("{}{}{}", one_of(random, &HEADS), one_of(random, &MIDDLES), one_of(random, tails))
}

fn last_name(random: &mut Random) -> String {
    if random.random_bool(0.12) {
        return common(random, &FAMILIES);
    }
    format!("{}{}{}", one_of(random, &HEADS), one_of(random, &MIDDLES), one_of(random, &TAILS))
}

/// A postcode, by how near it is: the share of the nth falls as n to the power of -0.7.
fn nearby(random: &mut Random) -> u32 {
    let reach = f64::from(POSTCODES).powf(0.3) - 1.0;
    (1.0 + random.random_range(0.0..1.0) * reach).powf(1.0 / 0.3) as u32
}

/// A number that nobody else has: `kind` is 0 for a person's own, 1 for an earlier one, 2 for the landline.
fn number(person: u32, kind: u32) -> (u32, u32) {
    let slot = (u64::from(person) * 3 + u64::from(kind)) * 48_271 % NUMBERS;
    (AREAS[(slot / 8_000_000) as usize], 2_000_000 + (slot % 8_000_000) as u32)
}

impl Truth {
    fn draw(seed: u64, person: u32, household: Option<u32>, today: Day) -> Self {
        let mut random = stream(seed ^ 0x1DE7, u64::from(person));
        let is_woman = random.random_bool(0.5);
        let age_days = random.random_range(18 * 365..85 * 365);
        let alone = Self {
            is_woman,
            first: first_name(&mut random, is_woman),
            last: last_name(&mut random),
            other_last: last_name(&mut random),
            birth: today.plus(-age_days),
            postcode: nearby(&mut random),
            landline: (household == Some(person) && random.random_bool(0.32)).then_some(person),
        };
        match household.filter(|first| *first != person) {
            None => alone,
            Some(first) => alone.joins(&mut random, Self::draw(seed, first, household, today)),
        }
    }

    /// The second of a household: mostly a partner of about the age and the name of the first; a twin and a namesake in a hundred.
    fn joins(self, random: &mut Random, mate: Self) -> Self {
        let near = mate.birth.plus(random.random_range(-5 * 365..5 * 365));
        let shared = Self { postcode: mate.postcode, landline: mate.landline, ..self };
        match random.random_range(0..100) {
            0 => Self { last: mate.last, birth: mate.birth, ..shared },
            1 => Self { last: mate.last, first: mate.first, birth: mate.birth.plus(-27 * 365), is_woman: mate.is_woman, ..shared },
            2..80 => Self { last: mate.last, birth: near, ..shared },
            _ => Self { birth: near, ..shared },
        }
    }

    fn written(&self, random: &mut Random, person: u32) -> Written {
        let (mut first, mut last) = (self.first.clone(), self.last.clone());
        if random.random_bool(0.062) {
            let nickname = NICKNAMES.iter().find(|(name, _)| *name == first).map(|(_, nickname)| *nickname);
            first = nickname.filter(|_| random.random_bool(0.47)).map_or_else(|| mistyped(random, &first), str::to_owned);
        }
        if random.random_bool(0.095) {
            last = match random.random_range(0..100) {
                share if share < 34 || !self.is_woman => mistyped(random, &last),
                share if share < 80 => self.other_last.clone(),
                _ => format!("{last}-{}", self.other_last),
            };
        }
        if random.random_bool(0.005) {
            std::mem::swap(&mut first, &mut last);
        }
        Written {
            first,
            last,
            birth: self.written_birth(random),
            postcode: self.written_postcode(random),
            phone: self.written_phone(random, person),
            address: None,
        }
    }

    fn written_birth(&self, random: &mut Random) -> Option<Day> {
        match random.random_range(0..1000) {
            share if share < 100 => None,
            share if share < 105 => Day::parse("1900-01-01"),
            // Another day of the same month, more or less, or a year too early or too late.
            share if share < 119 => Some(self.birth.plus(random.random_range(1..20))),
            share if share < 125 => Some(self.birth.plus(if random.random_bool(0.5) { 365 } else { -365 })),
            _ => Some(self.birth),
        }
    }

    fn written_postcode(&self, random: &mut Random) -> Option<String> {
        let written = |postcode: u32| format!("{:05}", 10_001 + postcode * 37);
        match random.random_range(0..1000) {
            share if share < 100 => None,
            share if share < 142 => Some(written(random.random_range(0..POSTCODES))),
            share if share < 172 => {
                let (mut code, place) = (written(self.postcode), random.random_range(0..5));
                code.replace_range(place..=place, &random.random_range(0..10).to_string());
                Some(code)
            }
            _ => Some(written(self.postcode)),
        }
    }

    fn written_phone(&self, random: &mut Random, person: u32) -> Option<String> {
        if random.random_bool(0.10) {
            return None;
        }
        let own = number(person, u32::from(random.random_bool(0.05)));
        let (area, mut line) = self.landline.filter(|_| random.random_bool(0.30)).map_or(own, |first| number(first, 2));
        if random.random_bool(0.03) {
            let place = 10u32.pow(random.random_range(0..6));
            let digit = line / place % 10;
            line = line - digit * place + (digit + random.random_range(1..10)) % 10 * place;
        }
        let (exchange, last) = (line / 10_000, line % 10_000);
        Some(if random.random_bool(0.3) { format!("({area}) {exchange}-{last:04}") } else { format!("+1{area}{exchange}{last:04}") })
    }
}

/// One letter of a name wrong; in a fifth of cases two.
fn mistyped(random: &mut Random, name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    for _ in 0..if random.random_bool(0.8) { 1 } else { 2 } {
        let place = random.random_range(1..letters.len());
        let letter = char::from(b'a' + random.random_range(0..26));
        match random.random_range(0..4) {
            0 => letters.insert(place, letter),
            1 if letters.len() > 2 => {
                letters.remove(place);
            }
            2 if place + 1 < letters.len() => letters.swap(place, place + 1),
            _ => letters[place] = letter,
        }
    }
    letters.into_iter().collect()
}

/// Where the household of this number lives.
fn street(seed: u64, household: u32) -> (u32, String) {
    let mut random = stream(seed ^ 0x1DEA, u64::from(household));
    (random.random_range(1..400), format!("{}{}", one_of(&mut random, &HEADS), one_of(&mut random, &TAILS)))
}

/// What a source wrote of a street: it may lack, be an earlier one, have a letter wrong, be cut short or in capitals.
fn written_street(random: &mut Random, seed: u64, household: u32) -> Option<String> {
    let draw = random.random_range(0..1000);
    let (number, name) = street(seed, if (100..142).contains(&draw) { household ^ 0x4000_0000 } else { household });
    let name = if (142..172).contains(&draw) { mistyped(random, &name) } else { name };
    let written = format!("{number} {name} {}", if random.random_bool(0.3) { "St." } else { "Street" });
    let written = if random.random_bool(0.1) { written.to_uppercase() } else { written };
    (draw >= 100).then_some(written)
}

/// What so many sources wrote of a person.
pub fn written(seed: u64, person: u32, household: Option<u32>, today: Day, sources: usize) -> Vec<Written> {
    let truth = Truth::draw(seed, person, household, today);
    let mut random = stream(seed ^ 0x1DE8, u64::from(person));
    // Streets have a stream of their own: all else is as it was before they were written.
    let mut streets = stream(seed ^ 0x1DE9, u64::from(person));
    let mut written = |_| Written { address: written_street(&mut streets, seed, household.unwrap_or(person)), ..truth.written(&mut random, person) };
    (0..sources).map(&mut written).collect()
}
