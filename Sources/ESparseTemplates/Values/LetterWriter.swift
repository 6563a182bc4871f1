// Text under construction, whose letters are counted as they come.

/// Collects letters.
struct LetterWriter {
    private(set) var letters: [Letter] = []
    private let meter: Meter

    init(_ meter: Meter) { self.meter = meter }

    mutating func append(_ text: Text) throws(Problem) {
        try meter.allocate(letters: text.count)
        letters += text.letters
    }

    mutating func append(_ text: String) throws(Problem) {
        try meter.allocate(letters: text.utf8.count)
        for scalar in text.unicodeScalars { letters.append(Letter(scalar)) }
    }

    mutating func append(_ letter: Letter) throws(Problem) {
        try meter.allocate(letters: 1)
        try meter.step()
        letters.append(letter)
    }

    /// Appends spaces or other letters.
    mutating func append(_ letter: Letter, count: Int) throws(Problem) {
        guard count > 0 else { return }
        try meter.allocate(letters: count)
        letters += repeatElement(letter, count: count)
    }

    var text: Text { Text(letters) }
}
