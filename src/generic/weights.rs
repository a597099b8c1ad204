//! What each piece of evidence weighs: the only place with numbers of the judgement.

macro_rules! evidence {
    ($($name:ident $weight:literal $text:literal)*) => {
        /// One thing that speaks for or against a value being a secret.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "each has its words in the table")]
        pub enum Evidence { $($name,)* }

        /// Every kind of evidence, its weight in tenths, and what it says.
        pub const TABLE: &[(Evidence, i32, &str)] = &[$((Evidence::$name, $weight, $text),)*];
    };
}

/// Weight that a value has before anything is known of it, in tenths.
pub const START: i32 = -1;

/// Most that the surroundings of a value can add, in tenths.
pub const AROUND: i32 = 15;

/// Most that the shape of a value can add, when its name, its place, its characters and its letters are known, in tenths.
pub const SHAPE: i32 = 8;

/// The weight of one piece of evidence, in tenths.
pub fn of(evidence: Evidence) -> i32 {
    TABLE[evidence as usize].1
}

/// The sum of the weights, in tenths.
pub fn sum(list: &[Evidence]) -> i32 {
    START + list.iter().map(|e| of(*e)).sum::<i32>()
}

evidence! {
    NamePassword 6 "the name says password"
    NameSecret 9 "the name says secret"
    NameToken -1 "the name says token"
    NameKey 1 "the name says key of an API or cipher"
    NameBareKey -35 "the name says key, as in maps"
    NameAuth -11 "the name says credentials"
    NameSalt -18 "the name says salt or nonce"
    NameHead -24 "a word before it in the name makes it something else"
    NameTail -19 "a word after it in the name makes it something else"
    NameSealed -19 "the name says that the value is derived or encrypted"
    NamePlural 3 "the name is a plural"
    NameMore 0 "the name has other words, too"
    OpEquals 3 "assigned with ="
    OpColon 1 "assigned with :"
    OpArrow 7 "assigned with =>"
    OpCompare 0 "compared"
    OpDefault -1 "a default for something that may be unset"
    OpPair -5 "stands behind the name in a list"
    OpCall -6 "handed to a function of that name"
    OpElement 0 "stands in an element of that name"
    OpFlag 1 "handed to an option"
    OpSpace -3 "stands behind the name"
    OpQuery 3 "stands in a query"
    Quoted 3 "stands in quotes"
    Bare 2 "stands without quotes"
    BareAmong -5 "stands without quotes among other words"
    BareCode -6 "stands without quotes in code"
    Joined -6 "is joined with something else"
    Wrapped -12 "is handed to a function"
    Pieces 2 "is put together from several literals"
    Comment 2 "stands in a comment"
    Prose -6 "stands in prose"
    UserNear 4 "a user name stands nearby"
    LengthTo5 -15 "has up to 5 characters"
    Length6 -5 "has 6 or 7 characters"
    Length8 -1 "has 8 to 11 characters"
    Length12 3 "has 12 to 15 characters"
    Length16 2 "has 16 to 23 characters"
    Length24 6 "has 24 to 39 characters"
    Length40 6 "has 40 to 127 characters"
    Length128 4 "has 128 characters or more"
    Digits -21 "is a number"
    HexLong 9 "is 32 or more hex digits"
    HexShort 10 "is 12 to 31 hex digits"
    LowerOnly -7 "is all lower-case letters"
    UpperOnly -2 "is all upper-case letters"
    Letters -6 "is letters of both cases"
    LettersDigits -1 "is letters and digits"
    ThreeKinds 6 "has lower-case and upper-case letters and digits"
    Specials -5 "has other characters, too"
    Spaces -12 "has blanks"
    Wide -4 "has characters beyond ASCII"
    LikeWords4 -20 "reads like words"
    LikeWords3 -16 "reads much like words"
    LikeWords2 -16 "reads somewhat like words"
    LikeWords1 -2 "reads a little like words"
    LikeNone 11 "has hardly any letters in a row"
    LikeRandom1 2 "reads a little unlike words"
    LikeRandom2 13 "reads unlike words"
    LikeRandom3 27 "reads nothing like words"
    ManyChanges 13 "changes between kinds of characters as random text does"
    FewSymbols -2 "has few different characters"
    Placeholder1 -14 "is in part placeholder words"
    Placeholder2 -39 "is mostly placeholder words"
    Sequence -60 "is mostly a sequence"
    SameWord -5 "is the name itself"
    Template -59 "is filled in elsewhere"
    LeftOut -90 "is left out"
    Path -45 "is a path or address"
    File -20 "is the name of a file"
    Code -18 "is code"
    Uuid 1 "is a UUID"
    Identifier -15 "is a name in code"
    Constant -26 "is a constant"
    Email -20 "is an e-mail address"
    Base64 2 "is base64"
    Numeric -40 "is digits and points, as versions and dates are"
    Label -29 "ends like a label or a sentence"
    Regex -39 "is a piece of a regular expression"
    Address -40 "is a public address"
    SaysExample -90 "says that it is an example"
    Phrase -24 "the name ends a phrase"
    BareKeyHash -23 "the key of a map with a hash or an id"
    AmongTexts -30 "stands among texts for people"
    PublicSalt -40 "a salt or nonce that is public by its nature"
    NamePassing -70 "the name says a token of a page or a form"
    CodePiece -45 "is a piece of code"
    Siblings -30 "begins like the name, as the names of a list do"
    Badge -70 "stands in the address of a badge or a picture"
    KeyPrint -90 "the fingerprint of a public key"
    WideText -60 "is a word with letters beyond ASCII, and no digit"
    Sum -60 "the sum of a file, by the words before the name"
    WrappedName -30 "a name in capitals, handed to a function"
    OneWord -16 "is one word that begins with a capital"
    ParserToken -15 "a word, as the tokens of a parser are"
    NameDerived -80 "the name says that the value is encrypted or a hash"
    Breaks -40 "has breaks of lines within"
    ShortSalt -20 "a salt or nonce of a few characters"
    HashNear -60 "is as long as a hash, and the text before speaks of hashes"
    LowerWord -12 "may be a word that is not known"
    FirstOfMore -15 "is the first of several arguments"
    ClassPath -60 "is the name of a class"
    Shortcut -60 "is a combination of keys, or rules for a field of a form"
    TextPhrase -30 "is words of a language"
    KeyText -40 "the key of a map, with blanks"
    Listed -30 "stands behind other texts of a list"
    LookedUp -40 "is looked up by this name"
    NameNonce -45 "the name says nonce, which is used once"
    NameRandom -40 "the name itself looks random"
    KeyOfRecord -25 "the key of a record, as ids are"
    KeyOfQuery -30 "the key of a query, which mostly names something"
    OwnerBeside -40 "names the owner of the secret beside it"
    SealedBehind -80 "the text that it is encrypted with stands behind it"
    SaidPublic -80 "the word before the name says public"
    ShortKey -15 "is too short for a key"
    Alike -40 "others of the same length and kind stand in the list, as hashes do"
    Photo -50 "stands among the fields of a photo, where it makes its address"
    WordInTest -12 "stands in a test, and does not look random"
    RandomInTest -1 "stands in a test"
    WordInDocument -12 "stands in a document, and does not look random"
    RandomInDocument -1 "stands in a document"
    WordInExample -5 "stands in an example, and does not look random"
    RandomInExample 0 "stands in an example"
    WordInTranslation -60 "stands among translations, and does not look random"
    RandomInTranslation -5 "stands among translations"
    InLibrary -20 "stands in a library that was copied in"
    PartOfName -50 "stands in the name itself, or ends as the name does"
    Thumbprint -90 "is as long as the thumbprint of a certificate, and the text speaks of one"
    BesideFail -60 "stands beside what must fail"
    MadeName -80 "the name is one of many that a program made"
    UserHash -60 "is as long as a hash, and so is what others in the list have under the same name"
    Given 9 "stands where a password or key is given"
    IndexName -90 "names an index of a table"
    Injection -90 "is a piece of SQL, as attacks on it are written"
    WorkingDirectory -60 "the variable PWD holds the directory that a program runs in"
    Policy 5 "has letters, digits and signs, as rules for passwords ask for"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surroundings_add_no_more_than_is_said() {
        let around = [
            Evidence::BareCode,
            Evidence::Comment,
            Evidence::Prose,
            Evidence::AmongTexts,
            Evidence::PublicSalt,
            Evidence::UserNear,
        ];
        let most: i32 = around.iter().map(|e| TABLE[*e as usize].1.max(0)).sum();
        assert!(most <= AROUND, "{most}");
    }

    #[test]
    fn the_shape_adds_no_more_than_is_said() {
        let most: i32 = [Evidence::Uuid, Evidence::Base64, Evidence::Policy].iter().map(|e| of(*e)).sum();
        assert!(most <= SHAPE, "{most}");
    }

    #[test]
    fn the_table_is_in_order() {
        for (at, (evidence, _, words)) in TABLE.iter().enumerate() {
            assert_eq!(*evidence as usize, at);
            assert!(!words.is_empty());
        }
    }
}
