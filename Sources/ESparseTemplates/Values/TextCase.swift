// Upper and lower case, and what letters of a text are, as Python's string methods have it.

extension Text {
    /// Every letter by its mapping; those of ASCII, which most are, by a shorter way.
    private func mapped(
        ascii: (UInt32) -> UInt32, _ mapping: (Unicode.Scalar.Properties) -> String
    ) -> Text {
        var result: [Letter] = []
        result.reserveCapacity(count)
        for letter in letters {
            if letter.code < 0x80 {
                result.append(Letter(ascii(letter.code), isLiteral: letter.isLiteral))
            } else {
                result += letter.mapped(mapping(letter.scalar.properties))
            }
        }
        return with(result)
    }

    private static func upper(_ code: UInt32) -> UInt32 { code >= 0x61 && code <= 0x7A ? code - 0x20 : code }

    private static func lower(_ code: UInt32) -> UInt32 { code >= 0x41 && code <= 0x5A ? code + 0x20 : code }

    func uppercased() -> Text { mapped(ascii: Self.upper) { $0.uppercaseMapping } }

    /// A sigma at the end of a word has a form of its own.
    func lowercased() -> Text {
        guard letters.contains(where: { $0.code == 0x3A3 }) else {
            return mapped(ascii: Self.lower) { $0.lowercaseMapping }
        }
        var result: [Letter] = []
        for place in letters.indices { result += lowercased(at: place) }
        return with(result)
    }

    private func lowercased(at place: Int) -> [Letter] {
        let letter = letters[place]
        let isFinal = letter.code == 0x3A3 && isCased(before: place) && !isCased(after: place)
        return letter.mapped(isFinal ? "\u{3C2}" : letter.scalar.properties.lowercaseMapping)
    }

    private func isCased(before place: Int) -> Bool {
        let nearest = letters[..<place].last { !$0.scalar.properties.isCaseIgnorable }
        return nearest?.scalar.properties.isCased ?? false
    }

    private func isCased(after place: Int) -> Bool {
        let nearest = letters[(place + 1)...].first { !$0.scalar.properties.isCaseIgnorable }
        return nearest?.scalar.properties.isCased ?? false
    }

    /// The first letter in title case, the others in lower case.
    func capitalized() -> Text {
        guard let first = letters.first else { return self }
        let rest = Text(letters[1...]).lowercased()
        return with(first.mapped(first.scalar.properties.titlecaseMapping) + rest.letters)
    }

    /// `str.title`: letters after one that has no case are in title case, all others in lower case.
    func titlecased() -> Text {
        var afterCased = false
        var result: [Letter] = []
        for (place, letter) in letters.enumerated() {
            let properties = letter.scalar.properties
            result += afterCased ? lowercased(at: place) : letter.mapped(properties.titlecaseMapping)
            afterCased = properties.isCased
        }
        return with(result)
    }

    /// `str.swapcase`.
    func caseSwapped() -> Text {
        mapped(ascii: { Self.upper($0) == $0 ? Self.lower($0) : Self.upper($0) }) { properties in
            properties.isUppercase ? properties.lowercaseMapping : properties.uppercaseMapping
        }
    }

    /// Whether there is a letter with case, and all of those are upper case.
    var isUppercase: Bool { isAll(\.isUppercase) }

    /// Whether there is a letter with case, and all of those are lower case.
    var isLowercase: Bool { isAll(\.isLowercase) }

    private func isAll(_ property: KeyPath<Unicode.Scalar.Properties, Bool>) -> Bool {
        var found = false
        for letter in letters where letter.scalar.properties.isCased {
            guard letter.scalar.properties[keyPath: property] else { return false }
            found = true
        }
        return found
    }

    /// Whether there are letters, and each has the property.
    func isEvery(_ property: (Letter) -> Bool) -> Bool { !isEmpty && letters.allSatisfy(property) }
}

extension Letter {
    /// Python's `str.isalpha` of one letter.
    var isAlphabetic: Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    /// Python's `str.isdecimal` of one letter.
    var isDecimal: Bool { scalar.properties.numericType == .decimal }

    /// Python's `str.isdigit` of one letter.
    var isNumericDigit: Bool { scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit }

    /// Python's `str.isnumeric` of one letter.
    var isNumeric: Bool { scalar.properties.numericType != nil }
}
